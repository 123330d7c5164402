import type { ResourceType } from '../content/node.ts';
import type { ObjectModel, ResourceModel } from './object-models.ts';

const TYPES: Readonly<Record<ResourceType, string>> = {
  STRING: 'String',
  INTEGER: 'Integer',
  FLOAT: 'Float',
  BOOLEAN: 'Boolean',
  OPAQUE: 'Opaque',
  TIME: 'Time',
  OBJLNK: 'Objlnk',
};

const ESCAPED: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;' };

/** OMA's XML of one object, LWM2M.xsd v1.1: what `parseDdf` reads back as the same model. */
export function formatDdf(model: ObjectModel): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<LWM2M>',
    '<Object ObjectType="MODefinition">',
    element('Name', model.name),
    element('Description1', model.description),
    element('ObjectID', String(model.id)),
    element('ObjectVersion', model.version),
    ...occurrence(model),
    '<Resources>',
    ...[...model.resources.values()].flatMap(item),
    '</Resources>',
    '</Object>',
    '</LWM2M>',
    '',
  ].join('\n');
}

function item(resource: ResourceModel): string[] {
  const type = resource.type === undefined ? '' : `${resource.unsigned ? 'Unsigned ' : ''}${TYPES[resource.type]}`;
  return [
    `<Item ID="${resource.id}">`,
    element('Name', resource.name),
    element('Operations', resource.operations),
    ...occurrence(resource),
    element('Type', type),
    element('RangeEnumeration', resource.range),
    element('Units', resource.units),
    element('Description', resource.description),
    '</Item>',
  ];
}

function occurrence({ multiple, mandatory }: Pick<ObjectModel, 'multiple' | 'mandatory'>): string[] {
  return [
    element('MultipleInstances', multiple ? 'Multiple' : 'Single'),
    element('Mandatory', mandatory ? 'Mandatory' : 'Optional'),
  ];
}

function element(name: string, text: string): string {
  return `<${name}>${text.replace(/[<>&]/g, (character) => ESCAPED[character]!)}</${name}>`;
}
