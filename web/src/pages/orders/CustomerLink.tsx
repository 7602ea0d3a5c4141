import { formatQuery, parseQuery } from '../../domain/query';
import { useServices } from '../../services';
import { Link } from '../../ui/router';

/** The name of a customer, which leads operators to all their orders. */
export function CustomerLink({ customer }: { customer: string }) {
  if (useServices().session.role !== 'operator') return customer;
  return (
    <Link className="customer-link" href={formatQuery({ ...parseQuery(''), customer })} title={customer}>
      {customer}
    </Link>
  );
}
