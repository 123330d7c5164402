import type { Dashboard, Panel, VariableModel } from '@grafana/grafana-foundation-sdk/dashboard';

/** What a dashboard asks a store. */
export interface Question {
  readonly panel: string;
  readonly refId: string;
  readonly store: 'influxdb' | 'prometheus';
  readonly query: string;
  readonly kind: 'range' | 'instant';
}

interface Target {
  readonly refId: string;
  readonly datasource: { readonly type: Question['store']; readonly uid: string };
  readonly query?: string;
  readonly expr?: string;
  readonly instant?: boolean;
}

export function panelsOf(dashboard: Dashboard): Panel[] {
  return (dashboard.panels ?? []).flatMap((panel) => ('targets' in panel ? [panel as Panel] : []));
}

export function targetsOf(panel: Panel): Target[] {
  return (panel.targets ?? []) as unknown as Target[];
}

export function questionsOf(dashboard: Dashboard): Question[] {
  return panelsOf(dashboard).flatMap((panel) =>
    targetsOf(panel).map(({ refId, datasource, query, expr, instant }) => ({
      panel: panel.title ?? '',
      refId,
      store: datasource.type,
      query: query ?? expr ?? '',
      kind: instant ? ('instant' as const) : ('range' as const),
    })),
  );
}

export function variablesOf(dashboard: Dashboard): readonly VariableModel[] {
  return dashboard.templating.list ?? [];
}

/** The metrics that a query in PromQL names; each has braces behind it. */
export function metricsIn(query: string): string[] {
  return [...query.matchAll(/([a-zA-Z_:][\w:]*)\{/g)].map(([, name]) => name!);
}

/** Chosen values by variable; a variable that is not there stands for all. */
export type Choice = Readonly<Record<string, readonly string[]>>;

/** Fills in the variables of a dashboard as Grafana does. */
export function filledIn({ query, store }: Pick<Question, 'query' | 'store'>, choice: Choice): string {
  const escaped = store === 'influxdb' ? escapedInFlux : escapedInPromQl;
  return query.replace(/\$\{(\w+):regex\}|\$(?!__)(\w+)/g, (_, inFlux?: string, inPromQl?: string) => {
    const values = choice[inFlux ?? inPromQl!];
    if (values === undefined) return '.*';
    const chosen = values.map(escaped);
    return chosen.length === 1 ? chosen[0]! : `(${chosen.join('|')})`;
  });
}

/** Its format `regex`: also the slash, which would end a literal of Flux. */
function escapedInFlux(value: string): string {
  return value.replace(/[\\^$*+?.()|[\]{}/]/g, '\\$&');
}

/** Its data source for Prometheus escapes for a regular expression within a string. */
function escapedInPromQl(value: string): string {
  return value.replace(/\\/g, '\\\\\\\\').replace(/[$^*{}[\]'+?.()|]/g, '\\\\$&');
}
