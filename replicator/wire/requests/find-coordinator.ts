import type { Api } from '../api.ts';

export interface FindCoordinatorRequest {
  readonly transactionalId: string;
}

export interface FindCoordinatorResponse {
  readonly errorCode: number;
  readonly message?: string;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

const TRANSACTION = 1;

/** The broker that keeps the state of a transactional id. */
export const FIND_COORDINATOR: Api<FindCoordinatorRequest, FindCoordinatorResponse> = {
  name: 'FindCoordinator',
  key: 10,
  versions: [4, 6],
  flexibleFrom: 3,
  encode(writer, { transactionalId }) {
    writer.int8(TRANSACTION);
    writer.array([transactionalId], (key) => writer.string(key));
    writer.tags();
  },
  decode(reader) {
    reader.skip(4);
    const [found] = reader.array(() => {
      reader.string(); // the key
      const node = { nodeId: reader.int32(), host: reader.string(), port: reader.int32() };
      const errorCode = reader.int16();
      const message = reader.nullableString();
      reader.tags();
      return { errorCode, ...node, ...(message === null ? {} : { message }) };
    });
    if (found === undefined) throw reader.fault('no coordinator and no error');
    return found;
  },
};
