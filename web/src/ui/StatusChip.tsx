import type { ReactNode } from 'react';
import type { Status } from '../api/types';
import { statusNames } from '../domain/format';
import { Icon, type IconName } from './Icon';

const icons: Record<Status, IconName> = {
  created: 'clock',
  confirmed: 'card',
  delivered: 'check',
  cancelled: 'cross',
};

/** A status with its icon. `children` replaces its name, such as by the cause of a cancel. */
export function StatusChip({ status, children }: { status: Status; children?: ReactNode }) {
  return (
    <span className={`chip ${status}`}>
      <Icon name={icons[status]} />
      {children ?? statusNames[status]}
    </span>
  );
}
