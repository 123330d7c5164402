import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import { TableSortByFieldStateBuilder } from '@grafana/grafana-foundation-sdk/common';
import type { DataTransformerConfig, Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as TablePanel } from '@grafana/grafana-foundation-sdk/table';
import { INFLUXDB, PROMETHEUS } from './data-sources.ts';
import { fluxTargets, HEIGHT, mappings, type PanelOptions, promTargets, refId, type Series } from './panels.ts';

interface TableOptions extends Omit<PanelOptions, 'unit'> {
  readonly units?: Readonly<Record<string, string>>;
  /** Where the cells of a column lead: see `toBoard`. */
  readonly links?: Readonly<Record<string, TableLink>>;
}

export interface TableLink {
  readonly title: string;
  readonly url: string;
}

/** A row for each set of labels, a column for each query. */
export function table(o: TableOptions & { readonly series: Series }): Builder<Panel> {
  const names = Object.keys(o.series);
  const columns = Object.fromEntries(names.map((name, index) => [`Value #${refId(index)}`, name]));
  const panel = plainTable(o)
    .datasource(PROMETHEUS)
    .targets(promTargets(o.series, 'instant'))
    .transformations([
      transformation('merge', {}),
      transformation('organize', {
        excludeByName: { Time: true },
        renameByName: names.length === 1 ? { Value: names[0] } : columns,
      }),
    ]);
  return withColumns(panel, o);
}

/** The rows of Flux; several queries are joined by the columns that they share. */
export function fluxTable(
  o: TableOptions & {
    readonly flux: readonly string[];
    /** Titles by the names in the answer, in their order; as they come when absent. */
    readonly columns?: Readonly<Record<string, string>>;
    /** Title of a column whose greatest stands first. */
    readonly greatestFirst?: string;
  },
): Builder<Panel> {
  const panel = plainTable(o).datasource(INFLUXDB).targets(fluxTargets(o.flux));
  const names = Object.keys(o.columns ?? {});
  const indexByName = Object.fromEntries(names.map((name, index) => [name, index]));
  panel.transformations([
    ...(o.flux.length > 1 ? [transformation('merge', {})] : []),
    ...(names.length > 0 ? [transformation('organize', { indexByName, renameByName: o.columns })] : []),
  ]);
  if (o.greatestFirst !== undefined)
    panel.sortBy([new TableSortByFieldStateBuilder().displayName(o.greatestFirst).desc(true)]);
  return withColumns(panel, o);
}

function plainTable(o: TableOptions): TablePanel {
  return new TablePanel()
    .title(o.title)
    .description(o.about)
    .height(HEIGHT.table)
    .span(o.width ?? 24)
    .filterable(true);
}

function withColumns(panel: TablePanel, { units = {}, links = {}, colours }: TableOptions): TablePanel {
  for (const [column, unit] of Object.entries(units)) panel.overrideByName(column, [{ id: 'unit', value: unit }]);
  for (const [column, link] of Object.entries(links)) panel.overrideByName(column, [{ id: 'links', value: [link] }]);
  if (colours !== undefined)
    panel
      .mappings(mappings(colours))
      .overrideByRegexp(COLOURED, [{ id: 'custom.cellOptions', value: { type: 'color-text' } }]);
  return panel;
}

/** Columns whose words have colours. */
const COLOURED = '/^(result|state)$/';

function transformation(id: string, options: unknown): DataTransformerConfig {
  return { id, options };
}
