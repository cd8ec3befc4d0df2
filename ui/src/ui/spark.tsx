/** A small line of recent values; the last one is what counts. */
export function Spark({ values, max, className }: { values: number[]; max: number; className?: string }) {
  const width = 72;
  const height = 22;
  const top = Math.max(max, ...values, 1e-9);
  const shown = values.length === 1 ? [values[0]!, values[0]!] : values;
  const points = shown.map((value, at) => {
    const x = shown.length < 2 ? width : (at / (shown.length - 1)) * width;
    return `${x.toFixed(1)},${(height - 1 - (value / top) * (height - 3)).toFixed(1)}`;
  });
  return (
    <svg
      viewBox={`0 0 ${width} ${height}`}
      className={className}
      width={width}
      height={height}
      aria-hidden
      preserveAspectRatio="none"
    >
      {points.length === 0 && (
        <line x1="0" x2={width} y1={height - 1} y2={height - 1} stroke="currentColor" strokeWidth="1.5" />
      )}
      {points.length > 1 && (
        <>
          <polygon
            points={`0,${height} ${points.join(" ")} ${width},${height}`}
            fill="currentColor"
            opacity="0.12"
          />
          <polyline
            points={points.join(" ")}
            fill="none"
            stroke="currentColor"
            strokeWidth="1.5"
            strokeLinejoin="round"
          />
        </>
      )}
    </svg>
  );
}

export function Meter({ share, className, label }: { share: number; className?: string; label: string }) {
  const shown = Math.min(Math.max(share, 0), 1);
  const tone = shown > 0.9 ? "bg-negative" : shown > 0.75 ? "bg-caution" : "bg-accent";
  return (
    <div
      role="meter"
      aria-label={label}
      aria-valuenow={Math.round(shown * 100)}
      aria-valuemin={0}
      aria-valuemax={100}
      className={`h-1.5 overflow-hidden rounded-full bg-line ${className ?? ""}`}
    >
      <div className={`h-full rounded-full ${tone}`} style={{ width: `${shown * 100}%` }} />
    </div>
  );
}
