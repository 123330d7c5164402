import type { ObjectModel, ResourceModel } from '../../../lwm2m/model/object-models.ts';

/** An object definition as Leshan's demo server writes it. */
export function objectSpecJson(model: ObjectModel) {
  return {
    name: model.name,
    id: model.id,
    instancetype: model.multiple ? 'multiple' : 'single',
    mandatory: model.mandatory,
    ...(model.version === '1.0' ? {} : { version: model.version }),
    description: model.description,
    resourcedefs: [...model.resources.values()].map(resourceJson),
  };
}

function resourceJson(model: ResourceModel) {
  return {
    id: model.id,
    name: model.name,
    operations: model.operations === '' ? 'NONE' : model.operations,
    instancetype: model.multiple ? 'multiple' : 'single',
    mandatory: model.mandatory,
    type: (model.type ?? 'NONE').toLowerCase(),
    range: model.range,
    units: model.units,
    description: model.description,
  };
}
