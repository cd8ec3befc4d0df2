import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface Series {
  label: string;
  /** Name of a colour role, such as `accent`. */
  role: string;
  values: (number | null)[];
}
export interface ChartProps {
  times: number[];
  series: Series[];
  /** Shown as a dashed line when above zero. */
  limit?: number;
  format: (value: number) => string;
}

const sync = uPlot.sync("server");

/** Recent values over time; all charts of a page share one cursor. */
export function Chart({ times, series, limit, format }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const shape = series.map((entry) => entry.role).join() + (limit ?? "");

  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    const role = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const data: uPlot.AlignedData = [times, ...series.map((entry) => entry.values)];
    const made = new uPlot(
      {
        width: box.current!.clientWidth,
        height: 96,
        padding: [6, 0, 7, 0],
        legend: { show: false },
        cursor: { sync: { key: sync.key }, y: false, points: { size: 5 } },
        scales: {
          x: { time: true },
          y: { range: (_, __, max) => [0, Math.max(max * 1.15, limit ? limit * 0.25 : 1)] },
        },
        axes: [
          { show: false },
          {
            size: 58,
            stroke: role("muted"),
            font: '11px "Inter Variable"',
            grid: { stroke: role("line"), width: 1 },
            ticks: { show: false },
            splits: (_, __, min, max) => [min, (min + max) / 2, max * 0.98],
            values: (_, splits) => splits.map((value) => format(value)),
          },
        ],
        series: [
          {},
          ...series.map((entry) => ({
            label: entry.label,
            stroke: role(entry.role),
            fill: `color-mix(in oklch, ${role(entry.role)} 12%, transparent)`,
            width: 1.6,
            points: { show: false },
          })),
        ],
        hooks: {
          draw: [
            (self) => {
              const top = self.scales.y?.max;
              if (!limit || !top || limit > top) return;
              const y = self.valToPos(limit, "y", true);
              self.ctx.save();
              self.ctx.strokeStyle = role("muted");
              self.ctx.setLineDash([5, 5]);
              self.ctx.beginPath();
              self.ctx.moveTo(self.bbox.left, y);
              self.ctx.lineTo(self.bbox.left + self.bbox.width, y);
              self.ctx.stroke();
              self.ctx.restore();
            },
          ],
        },
      },
      data,
      box.current!,
    );
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: box.current!.clientWidth, height: 96 }));
    resized.observe(box.current!);
    return () => {
      resized.disconnect();
      made.destroy();
    };
    // The plot is made anew when its shape changes; data flows in below.
  }, [shape]);

  useEffect(() => {
    plot.current?.setData([times, ...series.map((entry) => entry.values)]);
  }, [times, series]);

  return <div ref={box} className="h-[96px] w-full" />;
}
