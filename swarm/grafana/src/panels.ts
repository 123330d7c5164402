import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type DynamicConfigValue,
  MappingType,
  type Panel,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as StatPanel } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimelinePanel } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as GraphPanel } from '@grafana/grafana-foundation-sdk/timeseries';
import { INFLUXDB, PROMETHEUS } from './data-sources.ts';
import { FluxQuery, promQuery } from './targets.ts';

/** Columns of Grafana's grid, which has 24. */
export type Width = 4 | 6 | 8 | 12 | 24;

export interface PanelOptions {
  readonly title: string;
  /** What an operator reads out of it, and what to do when it is bad. */
  readonly about: string;
  readonly unit: string;
  readonly width?: Width;
  /** From where on a value is doubtful, and from where on bad; where less is worse, `bad` is the smaller one. */
  readonly limits?: { readonly doubtful: number; readonly bad: number };
  /** Words among the values, by their colour. */
  readonly colours?: Colours;
}

export type Colours = Readonly<Record<string, 'green' | 'orange' | 'red'>>;

interface GraphOptions extends PanelOptions {
  /** Values may be below 0; otherwise the picture begins there. */
  readonly signed?: boolean;
  /** How a series is drawn, by a regular expression for its name. */
  readonly drawn?: Readonly<Record<string, readonly DynamicConfigValue[]>>;
}

/** A value that holds until the next one. */
export const STEPS: readonly DynamicConfigValue[] = [
  { id: 'custom.lineInterpolation', value: 'stepAfter' },
  { id: 'custom.lineWidth', value: 2 },
  { id: 'custom.fillOpacity', value: 0 },
];
export const THIN: readonly DynamicConfigValue[] = [
  { id: 'custom.lineWidth', value: 0 },
  { id: 'custom.fillOpacity', value: 0 },
];
/** The upper end of a band. */
export const filledDownTo = (name: string): readonly DynamicConfigValue[] => [
  { id: 'custom.lineWidth', value: 0 },
  { id: 'custom.fillBelowTo', value: name },
  { id: 'custom.fillOpacity', value: 20 },
];

/** PromQL by what its series are called: text with {{label}}s. */
export type Series = Readonly<Record<string, string>>;

export const HEIGHT = { graph: 8, stat: 4, table: 9 };

export function graph(o: PanelOptions & { readonly series: Series; readonly stacked?: boolean }): Builder<Panel> {
  const panel = plainGraph(o).datasource(PROMETHEUS).targets(promTargets(o.series, 'range'));
  if (o.stacked) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal)).fillOpacity(25);
  return panel;
}

export function fluxGraph(
  o: GraphOptions & { readonly flux: string | readonly string[]; readonly name: string; readonly points?: boolean },
): Builder<Panel> {
  const panel = plainGraph(o)
    .datasource(INFLUXDB)
    .displayName(o.name)
    .targets(fluxTargets([o.flux].flat()));
  if (o.points) panel.showPoints(VisibilityMode.Always).pointSize(3);
  return panel;
}

function plainGraph(o: GraphOptions): GraphPanel {
  const { width = 12 } = o;
  const panel = new GraphPanel().title(o.title).description(o.about).unit(o.unit).height(HEIGHT.graph).span(width);
  if (o.signed !== true) panel.min(0);
  if (o.limits !== undefined)
    panel.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));
  for (const [name, how] of Object.entries(o.drawn ?? {})) panel.overrideByRegexp(`/${name}/`, [...how]);
  return panel
    .lineWidth(1)
    .fillOpacity(8)
    .showPoints(VisibilityMode.Never)
    .thresholds(limits(o))
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(['lastNotNull', 'max']),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
}

/** One number each, the newest. */
export function stat(o: PanelOptions & { readonly series: Series }): Builder<Panel> {
  return plainStat(o).datasource(PROMETHEUS).targets(promTargets(o.series, 'range'));
}

/** One number each, made by Flux from the time that is shown. */
export function fluxStat(o: PanelOptions & { readonly flux: string; readonly name: string }): Builder<Panel> {
  return plainStat(o)
    .datasource(INFLUXDB)
    .displayName(o.name)
    .targets([new FluxQuery(o.flux, 'A')]);
}

function plainStat(o: PanelOptions): StatPanel {
  return new StatPanel()
    .title(o.title)
    .description(o.about)
    .unit(o.unit)
    .height(HEIGHT.stat)
    .span(o.width ?? 4)
    .graphMode(o.limits === undefined ? BigValueGraphMode.Area : BigValueGraphMode.None)
    .colorMode(o.limits === undefined ? BigValueColorMode.None : BigValueColorMode.Value)
    .thresholds(limits(o))
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(''));
}

/** When what was true. */
export function timeline(o: PanelOptions & { readonly flux: string; readonly name: string }): Builder<Panel> {
  return plainTimeline(o)
    .datasource(INFLUXDB)
    .displayName(o.name)
    .targets([new FluxQuery(o.flux, 'A')]);
}

/** When what was up: 1 or 0. */
export function upTimeline(o: PanelOptions & { readonly series: Series }): Builder<Panel> {
  return plainTimeline(o).datasource(PROMETHEUS).targets(promTargets(o.series, 'range'));
}

function plainTimeline(o: PanelOptions): TimelinePanel {
  return new TimelinePanel()
    .title(o.title)
    .description(o.about)
    .unit(o.unit)
    .height(HEIGHT.graph)
    .span(o.width ?? 24)
    .mergeValues(true)
    .showValue(VisibilityMode.Auto)
    .mappings(o.colours === undefined ? [] : mappings(o.colours))
    .thresholds(limits({ limits: { doubtful: 1, bad: 0 } }));
}

export function promTargets(series: Series, kind: 'range' | 'instant'): Builder<Dataquery>[] {
  return Object.entries(series).map(([legend, query], index) =>
    promQuery({ query, legend, kind, refId: refId(index) }),
  );
}

export function fluxTargets(queries: readonly string[]): Builder<Dataquery>[] {
  return queries.map((query, index) => new FluxQuery(query, refId(index)));
}

/** Grafana counts queries A, B, C, …. */
export function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}

/** Words by their colour, in this order. */
export function mappings(colours: Colours): ValueMapping[] {
  const options = Object.entries(colours).map(([word, color], index) => [word, { color, index }]);
  return [{ type: MappingType.ValueToText, options: Object.fromEntries(options) }];
}

function limits({ limits }: Pick<PanelOptions, 'limits'>): ThresholdsConfigBuilder {
  const config = new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute);
  if (limits === undefined) return config.steps([{ value: null, color: 'green' }]);
  const { doubtful, bad } = limits;
  return config.steps(
    bad < doubtful
      ? [
          { value: null, color: 'red' },
          { value: bad, color: bad === 0 ? 'red' : 'orange' },
          { value: doubtful, color: 'green' },
        ]
      : [
          { value: null, color: 'green' },
          { value: doubtful, color: 'orange' },
          { value: bad, color: 'red' },
        ],
  );
}
