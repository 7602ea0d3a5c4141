/** Short names for the types of the API. `schema.ts` is generated from api/openapi.yaml by `npm run types`. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Order = Schemas['Order'];
export type OrderSummary = Schemas['OrderSummary'];
export type OrderList = Schemas['OrderList'];
export type Counts = Schemas['Counts'];
export type OrderCounts = Schemas['OrderCounts'];
export type OrderStatus = Schemas['OrderStatus'];
export type Item = Schemas['Item'];
export type Status = Schemas['Status'];
export type Party = Schemas['Party'];
export type Cause = Schemas['Cause'];
export type Change = Schemas['Change'];
export type HistoryEntry = Schemas['HistoryEntry'];
export type PaymentStatus = Schemas['PaymentStatus'];
export type Currency = Schemas['Currency'];
export type CurrencyTotal = Schemas['CurrencyTotal'];
export type Catalogue = Schemas['Catalogue'];
export type CatalogueItem = Schemas['CatalogueItem'];
export type CreateOrder = Schemas['CreateOrder'];
export type CancelledOrder = Schemas['CancelledOrder'];
export type CancelOutcome = Schemas['CancelOutcome'];
export type AttentionReason = Schemas['AttentionReason'];
export type Attention = Schemas['Attention'];
export type Inspection = Schemas['Inspection'];
export type Finding = Schemas['Finding'];
export type LedgerPayment = Schemas['LedgerPayment'];
export type Repair = Schemas['Repair'];
export type RepairStep = Schemas['RepairStep'];
export type ReconciledOrder = Schemas['ReconciledOrder'];
export type Stats = Schemas['Stats'];
export type Events = Schemas['Events'];
export type Problem = Schemas['Problem'];
export type ProblemCode = Schemas['ProblemCode'];
export type FieldError = Schemas['FieldError'];
export type Identity = Schemas['Session'];
export type SessionConfig = Schemas['SessionConfig'];
export type DevToken = Schemas['DevToken'];
export type Role = Schemas['Role'];

export const statuses: readonly Status[] = ['created', 'confirmed', 'delivered', 'cancelled'];
export const currencies: readonly Currency[] = ['CHF', 'EUR', 'GBP', 'JPY', 'USD'];
