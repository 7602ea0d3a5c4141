/** Copies a text. The Clipboard API exists only on https and localhost; elsewhere the browser's old command does it. */
export async function copyText(text: string): Promise<void> {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- undefined on plain http
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const box = document.createElement('textarea');
  box.value = text;
  box.className = 'hidden';
  document.body.append(box);
  box.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way on plain http
  const copied = document.execCommand('copy');
  box.remove();
  if (!copied) throw new Error('the browser did not copy the text');
}
