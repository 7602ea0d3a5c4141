import type { Status } from '../api/types';
import { statusNames } from '../domain/format';

export function StatusChip({ status }: { status: Status }) {
  return <span className={`chip ${status}`}>{statusNames[status]}</span>;
}
