import type { ReactNode } from 'react';
import type { Role, Status } from '../api/types';
import { statusName } from '../domain/format';
import { Icon, type IconName } from './Icon';

const icons: Record<Status, IconName> = {
  created: 'clock',
  confirmed: 'card',
  delivered: 'check',
  cancelled: 'cross',
};

interface StatusChipProps {
  status: Status;
  /** In whose words. */
  role?: Role;
  children?: ReactNode;
}

/** A status with its icon. `children` replaces its name, such as by the cause of a cancel. */
export function StatusChip({ status, role = 'operator', children }: StatusChipProps) {
  return (
    <span className={`chip ${status}`}>
      <Icon name={icons[status]} />
      {children ?? statusName(status, role)}
    </span>
  );
}
