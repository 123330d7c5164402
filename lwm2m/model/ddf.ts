import type { ResourceType } from '../content/node.ts';
import { isId } from '../path.ts';
import { modelFault, readXml, withNumberedCharacters, type XmlElement, type XmlNode, xmlText } from './ddf-xml.ts';
import type { ObjectModel, ResourceModel, ResourceOperations } from './object-models.ts';

/*
 * OMA's XML for object definitions, LWM2M.xsd v1.0 and v1.1:
 *
 *   LWM2M > Object > Name, Description1, ObjectID, ObjectURN, LWM2MVersion?, ObjectVersion?, MultipleInstances, Mandatory,
 *                    Resources > Item ID="…" > Name, Operations, MultipleInstances, Mandatory, Type, RangeEnumeration, Units,
 *                                              Description
 */

const MAX_OBJECTS = 100;
const MAX_RESOURCES = 2_000;

type ValueModel = Pick<ResourceModel, 'type' | 'unsigned'>;

/** As LWM2M.xsd v1.1 spells them; a CoRE link is text. */
const TYPES: Readonly<Record<string, ValueModel>> = {
  string: { type: 'STRING' },
  integer: { type: 'INTEGER' },
  'unsigned integer': { type: 'INTEGER', unsigned: true },
  float: { type: 'FLOAT' },
  boolean: { type: 'BOOLEAN' },
  opaque: { type: 'OPAQUE' },
  time: { type: 'TIME' },
  objlnk: { type: 'OBJLNK' },
  corelnk: { type: 'STRING' },
} satisfies Record<string, { type: ResourceType; unsigned?: true }>;

const TYPE_NAMES = 'String, Integer, Unsigned Integer, Float, Boolean, Opaque, Time, Objlnk, Corelnk';

const OPERATIONS: readonly ResourceOperations[] = ['', 'R', 'W', 'RW', 'E', 'RE', 'WE', 'RWE'];

/**
 * The objects of one file. Takes what anybody may send: each fault is LWM2M_MODEL with the object, the resource and what to mend.
 */
export function parseDdf(file: string | Uint8Array): ObjectModel[] {
  const document = readXml(typeof file === 'string' ? file : xmlText(file));
  const root = document.LWM2M;
  if (root === undefined || Array.isArray(root)) throw modelFault('the outermost element must be one <LWM2M>');
  const objects = children(root as XmlNode, 'Object');
  if (objects.length === 0) throw modelFault('<LWM2M> holds no <Object>');
  if (objects.length > MAX_OBJECTS) throw modelFault(`more than ${MAX_OBJECTS} objects: split the file`);
  const models = objects.map(objectOf);
  const named = models.map(({ id, version }) => `object ${id} version ${version}`);
  const twice = named.find((name, at) => named.indexOf(name) !== at);
  if (twice !== undefined) throw modelFault(`${twice} stands here twice: remove one`);
  return models;
}

function objectOf(element: XmlNode): ObjectModel {
  const id = idOf(text(element, 'ObjectID', 'an object'), 'ObjectID');
  const site = `object ${id}`;
  const items = children(child(element, 'Resources', site), 'Item');
  if (items.length > MAX_RESOURCES) throw modelFault(`${site}: more than ${MAX_RESOURCES} resources`);
  const resources = new Map<number, ResourceModel>();
  for (const item of items) {
    const resource = resourceOf(item, site);
    if (resources.has(resource.id)) throw modelFault(`${site}: resource ${resource.id} stands here twice: remove one`);
    resources.set(resource.id, resource);
  }
  return {
    id,
    name: nameOf(element, site),
    version: versionOf(text(element, 'ObjectVersion', site, ''), site),
    ...occurrenceOf(element, site),
    description: text(element, 'Description1', site, ''),
    resources,
  };
}

function resourceOf(item: XmlNode, object: string): ResourceModel {
  const id = idOf(text(item, '@ID', `${object}: an Item`), `${object}: the ID of an Item`);
  const site = `${object}, resource ${id}`;
  const operations = operationsOf(text(item, 'Operations', site, ''), site);
  return {
    id,
    name: nameOf(item, site),
    operations,
    ...occurrenceOf(item, site),
    ...typeOf(text(item, 'Type', site, ''), operations, site),
    range: text(item, 'RangeEnumeration', site, ''),
    units: text(item, 'Units', site, ''),
    description: text(item, 'Description', site, ''),
  };
}

function typeOf(written: string, operations: ResourceOperations, site: string): ValueModel {
  const model = Object.hasOwn(TYPES, written.toLowerCase()) ? TYPES[written.toLowerCase()] : undefined;
  if (model === undefined && written !== '' && !/^none$/i.test(written)) {
    throw modelFault(`${site}: Type ${quoted(written)} is unknown: write one of ${TYPE_NAMES}`);
  }
  // Some definitions give an executable a type: that of its arguments, not of a value.
  if (operations === 'E') return {};
  if (model === undefined)
    throw modelFault(`${site}: it can be read or written but has no Type: write one of ${TYPE_NAMES}`);
  return model;
}

function operationsOf(written: string, site: string): ResourceOperations {
  const found = OPERATIONS.find((operations) => operations === written.toUpperCase());
  if (found === undefined) throw modelFault(`${site}: Operations ${quoted(written)}: write R, W, RW, E or nothing`);
  return found;
}

function occurrenceOf(element: XmlNode, site: string) {
  return {
    multiple: choice(element, 'MultipleInstances', ['Multiple', 'Single'], site),
    mandatory: choice(element, 'Mandatory', ['Mandatory', 'Optional'], site),
  };
}

/** True for the first word, false for the second. */
function choice(element: XmlNode, name: string, [yes, no]: readonly [string, string], site: string): boolean {
  const written = text(element, name, site);
  const small = written.toLowerCase();
  if (small === yes.toLowerCase()) return true;
  if (small === no.toLowerCase()) return false;
  throw modelFault(`${site}: ${name} ${quoted(written)}: write ${yes} or ${no}`);
}

function nameOf(element: XmlNode, site: string): string {
  const name = text(element, 'Name', site);
  if (name === '') throw modelFault(`${site}: Name is empty`);
  return name;
}

/** An object without a version is of version 1.0. */
function versionOf(written: string, site: string): string {
  if (written === '') return '1.0';
  if (!/^[0-9]{1,3}\.[0-9]{1,3}$/.test(written)) {
    throw modelFault(`${site}: ObjectVersion ${quoted(written)}: write major.minor, such as 1.0`);
  }
  return written.split('.').map(Number).join('.');
}

function idOf(written: string, name: string): number {
  const id = /^[0-9]{1,5}$/.test(written) ? Number(written) : Number.NaN;
  if (!isId(id)) throw modelFault(`${name} ${quoted(written)} is no id: write a number from 0 to 65534`);
  return id;
}

function quoted(written: string): string {
  return JSON.stringify(written.length > 40 ? `${written.slice(0, 40)}…` : written);
}

function member(element: XmlNode, name: string): XmlNode | undefined {
  if (typeof element === 'string' || Array.isArray(element)) return undefined;
  const of = element as XmlElement;
  return Object.hasOwn(of, name) ? of[name] : undefined;
}

function children(element: XmlNode, name: string): readonly XmlNode[] {
  const found = member(element, name);
  if (found === undefined) return [];
  return Array.isArray(found) ? found : [found as XmlNode];
}

function child(element: XmlNode, name: string, site: string): XmlNode {
  const found = children(element, name);
  if (found.length !== 1) throw modelFault(`${site}: ${found.length} elements or attributes ${name}, not one`);
  return found[0]!;
}

/** With blanks and line breaks made one blank each. @param fallback what an absent element means; without it, it must be there */
function text(element: XmlNode, name: string, site: string, fallback?: string): string {
  if (fallback !== undefined && member(element, name) === undefined) return fallback;
  const found = child(element, name, site);
  const written = textOf(found);
  if (written === undefined) throw modelFault(`${site}: ${name} holds elements: write text`);
  return withNumberedCharacters(written).replace(/\s+/g, ' ').trim();
}

/** Undefined when there are elements in it. */
function textOf(element: XmlNode): string | undefined {
  if (typeof element === 'string') return element;
  const names = Object.keys(element).filter((name) => !name.startsWith('@') && name !== '#text');
  const written = member(element, '#text') ?? '';
  return names.length > 0 || typeof written !== 'string' ? undefined : written;
}
