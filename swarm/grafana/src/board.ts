import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { INFLUXDB, PROMETHEUS } from './data-sources.ts';
import type { Metric } from './metrics.ts';

const TAG = 'zeelos';

export interface BoardOptions {
  /** Stays for ever: links and bookmarks lead to it. */
  readonly uid: `zeelos-${string}`;
  readonly title: string;
  readonly about: string;
  readonly variables?: readonly Builder<VariableModel>[];
  /** Panels by the row they stand in. */
  readonly rows: Readonly<Record<string, readonly Builder<Panel>[]>>;
}

/** A dashboard as Grafana takes it, without what a Grafana adds of its own (id, version). */
export function board(o: BoardOptions): Dashboard {
  const builder = new DashboardBuilder(o.title)
    .uid(o.uid)
    .description(o.about)
    .tags([TAG])
    .time({ from: 'now-15m', to: 'now' })
    .refresh('10s')
    .tooltip(DashboardCursorSync.Crosshair)
    .readonly()
    .variables([...(o.variables ?? [])])
    .link(
      new DashboardLinkBuilder('Dashboards')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .asDropdown(true)
        .keepTime(true)
        .includeVars(true),
    );
  for (const [title, panels] of Object.entries(o.rows)) {
    builder.withRow(new RowBuilder(title));
    for (const panel of panels) builder.withPanel(panel);
  }
  const made = builder.build();
  for (const [index, panel] of (made.panels ?? []).entries()) panel.id = index + 1;
  return made;
}

/** Which gateways are shown; the label comes from the targets of Prometheus or from the service. */
export function gatewayVariable(metric: Metric): Builder<VariableModel> {
  return promVariable('gateway', 'Gateway', metric, 'gateway');
}

/** Every value of a label, several at once or all. */
export function promVariable(name: string, label: string, metric: Metric, of: string): Builder<VariableModel> {
  const query = `label_values(${metric}, ${of})`;
  return choice(name, label).datasource(PROMETHEUS).definition(query).query({ qryType: 1, query, refId: name });
}

export function fluxVariable(name: string, label: string, flux: string): Builder<VariableModel> {
  return choice(name, label).datasource(INFLUXDB).definition(flux).query({ query: flux, refId: name });
}

function choice(name: string, label: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: ['All'], value: ['$__all'] })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.NaturalAsc);
}

/**
 * Leads from a cell of a table to a dashboard, with the time that is shown. @param column whose text in the same row is chosen there, by
 * the variable that it is for
 */
export function toBoard(
  uid: `zeelos-${string}`,
  title: string,
  column: Readonly<Record<string, string>>,
): { readonly title: string; readonly url: string } {
  const chosen = Object.entries(column).map(
    ([variable, name]) => `var-${variable}=\${__data.fields.${name}:percentencode}`,
  );
  return { title, url: `/d/${uid}?${chosen.join('&')}&\${__url_time_range}` };
}

/** Panels of Prometheus show the chosen gateways. */
export const OF_GATEWAY = 'gateway=~"$gateway"';
