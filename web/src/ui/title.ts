/** The title of the browser's tab: `(12) Orders`, with the number of orders that need attention. */
let name = '';
let count = 0;

function render(): void {
  document.title = count > 0 ? `(${count.toLocaleString()}) ${name}` : name;
}

export function setTitle(page: string): void {
  name = page;
  render();
}

export function setTitleCount(attention: number): void {
  count = attention;
  render();
}
