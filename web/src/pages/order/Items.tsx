import type { Order } from '../../api/types';
import { money, plural } from '../../domain/format';

export function Items({ order: { items, currency, total } }: { order: Order }) {
  return (
    <section className="card" aria-labelledby="items">
      <header>
        <h2 id="items">Items</h2>
        <span className="soft">{plural(items.length, 'line')}</span>
      </header>
      <table className="lines">
        <thead>
          <tr>
            <th scope="col">Item</th>
            <th scope="col" className="total quantity">
              Quantity
            </th>
            <th scope="col" className="total price">
              Price
            </th>
            <th scope="col" className="total">
              Amount
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((item, i) => (
            <tr key={i}>
              <th scope="row">
                {item.name} <small className="soft">{item.sku}</small>
              </th>
              <td className="total quantity">{item.quantity.toLocaleString()}</td>
              <td className="total price">{money(item.unitPrice, currency)}</td>
              <td className="total">{money(item.quantity * item.unitPrice, currency)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">Total</th>
            <td className="quantity" />
            <td className="price" />
            <td className="total">{money(total, currency)}</td>
          </tr>
        </tfoot>
      </table>
    </section>
  );
}
