import type { ModelLookup, ObjectModels } from '../../lwm2m/model/object-models.ts';
import type { Registration } from '../registration/registration.ts';

/**
 * The models in the versions that the device of a registration has. Asked for each value that is decoded: devices that announced
 * the same share one answer, and nothing is made to find it.
 */
export function registrationModels(
  models: ObjectModels,
  { objectVersions, version }: Pick<Registration, 'objectVersions' | 'version'>,
): ModelLookup {
  return models.withVersions(objectVersions, version);
}
