import {
  type GraphEndpoint,
  type GraphObject,
  type GraphResource,
  INSTANCES_READ,
  type ServerGraph,
} from '../connectors/orientdb/queries/server-graph.ts';
import { printable } from './printable.ts';

/** Of one device, and of one object, in the tree; the JSON has all. */
const OBJECTS_SHOWN = 50;
const INSTANCES_SHOWN = 10;

interface Branch {
  readonly label: string;
  readonly branches: readonly Branch[];
}

/** What `--json` prints: devices in a flat list by name, each naming the one it is behind; resources by object, once. */
export function graphAsJson({ server, total, endpoints, resources, isCut }: ServerGraph) {
  return {
    server,
    total,
    leftOut: { endpoints: total.endpoints - endpoints.length, instances: isCut },
    endpoints,
    resources: Object.fromEntries(resources),
  };
}

/** Devices by name, those behind an LwM2M gateway below it; then what was left out. */
export function graphAsText({ server, total, endpoints, resources, isCut }: ServerGraph): string {
  const shown = new Set(endpoints.map(({ endpoint }) => endpoint));
  const behind = Map.groupBy(endpoints, (one) => (isBelow(one, shown) ? one.behind : null));
  const branchOf = (one: GraphEndpoint): Branch => {
    const children = (behind.get(one.endpoint) ?? []).map(branchOf);
    const missing = one.children - children.length;
    return {
      label: endpointLabel(one, shown),
      branches: [
        ...objectBranches(one.objects, resources),
        ...children,
        ...(missing > 0 ? [leaf(`… ${missing} more behind it`)] : []),
      ],
    };
  };
  const missing = total.endpoints - endpoints.length;
  const roots = (behind.get(null) ?? []).map(branchOf);
  if (missing > 0) roots.push(leaf(`… ${missing} more devices: see --limit`));
  const lines = [`${printable(server)}: ${count(total.endpoints, 'device')}, ${total.online} online`];
  drawBelow(roots, '', lines);
  if (isCut) lines.push(`only ${INSTANCES_READ} object instances were read: the last devices have more than is shown`);
  return `${lines.join('\n')}\n`;
}

/** A child is named below its gateway (docs/adr/0011), so no circle is drawn whatever the edges say. */
function isBelow({ endpoint, behind }: GraphEndpoint, shown: ReadonlySet<string>): boolean {
  return behind !== null && shown.has(behind) && endpoint.startsWith(`${behind}/`);
}

function endpointLabel(one: GraphEndpoint, shown: ReadonlySet<string>): string {
  const state = one.online === null ? 'never registered' : one.online ? 'online' : one.expired ? 'expired' : 'left';
  const parts = [
    printable(one.endpoint),
    state,
    one.behind !== null && !isBelow(one, shown) ? `behind ${printable(one.behind)}` : '',
    one.address === null
      ? ''
      : `${printable(one.address.includes(':') ? `[${one.address}]` : one.address)}:${one.port}`,
    one.lifetimeSeconds ? `lifetime ${one.lifetimeSeconds} s` : '',
    one.binding ?? '',
    one.version === null ? '' : `LwM2M ${printable(one.version)}`,
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function objectBranches(
  objects: readonly GraphObject[],
  resources: ReadonlyMap<number, readonly GraphResource[]>,
): readonly Branch[] {
  const branches = objects.slice(0, OBJECTS_SHOWN).map(({ object, name, modelled, instances }) => {
    const paths = instances.slice(0, INSTANCES_SHOWN).map((instance) => `/${object}/${instance}`);
    const more = instances.length - paths.length;
    const title = modelled ? printable(name) : '(no model)';
    const label = `${object} ${title}  ${paths.join(' ')}${more > 0 ? ` … ${more} more` : ''}`.trimEnd();
    return { label, branches: (resources.get(object) ?? []).map((one) => leaf(resourceLabel(one))) };
  });
  const more = objects.length - branches.length;
  return more > 0 ? [...branches, leaf(`… ${more} more objects`)] : branches;
}

function resourceLabel({ resource, name, operations, type, units }: GraphResource): string {
  return [`${resource} ${name}`, operations, type ?? '', units]
    .filter((part) => part !== '')
    .map((part) => printable(part))
    .join('  ');
}

function leaf(label: string): Branch {
  return { label, branches: [] };
}

function count(amount: number, thing: string): string {
  return `${amount} ${thing}${amount === 1 ? '' : 's'}`;
}

function drawBelow(branches: readonly Branch[], indent: string, lines: string[]): void {
  branches.forEach(({ label, branches: below }, at) => {
    const isLast = at === branches.length - 1;
    lines.push(`${indent}${isLast ? '└─ ' : '├─ '}${label}`);
    drawBelow(below, `${indent}${isLast ? '   ' : '│  '}`, lines);
  });
}
