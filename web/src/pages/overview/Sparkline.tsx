const WIDTH = 120;
const HEIGHT = 24;

/** Bars of non-negative numbers. It is a decoration for screen readers: `what` is its tooltip. */
export function Sparkline({ what, values }: { what: string; values: readonly number[] }) {
  const most = Math.max(1, ...values);
  const step = WIDTH / values.length;
  const bars = values.map((value, i) => {
    const height = value === 0 ? 1 : 3 + ((HEIGHT - 3) * value) / most;
    return `M${i * step} ${HEIGHT}V${(HEIGHT - height).toFixed(1)}h1.4V${HEIGHT}z`;
  });
  return (
    <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <title>{what}</title>
      <path d={bars.join('')} />
    </svg>
  );
}
