import { type DescribedRoute, openApiDocument } from '../../../common/http/openapi.ts';
import { PROBLEM_TYPE } from '../problem.ts';
import { NAMED, problemSchema } from './schemas.ts';

const ABOUT = [
  'Devices of one gateway. Operations go through the same queue of a device as the commands from Kafka, and their replies are',
  'recorded in the same topic. Without `--rest-token-file` the interface is for this machine alone.',
].join(' ');

/** The OpenAPI document of `/api/v1`. */
export function serverDocument(routes: readonly DescribedRoute[], needsToken: boolean): object {
  return openApiDocument(routes, {
    title: 'zeelos LwM2M server',
    about: ABOUT,
    prefix: '/api/v1',
    needsToken,
    named: NAMED,
    failure: { about: 'what went wrong (RFC 9457)', schema: problemSchema, contentType: PROBLEM_TYPE },
  });
}
