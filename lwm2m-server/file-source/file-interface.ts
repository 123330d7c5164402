import type { CoapRequest, Respond } from '../../lwm2m/coap/endpoint.ts';
import { CONTENT_FORMATS } from '../../lwm2m/content/content-formats.ts';
import type { Registrations } from '../registration/registrations.ts';
import type { FirmwareFile } from './firmware-file.ts';
import type { FirmwareFiles } from './firmware-files.ts';

/** coap://<gateway>/fw/<name> is what a Write on /5/0/1 (Package URI) may name. */
export const FILE_PATH = 'fw';

/** Serves firmware block by block to devices that pull it. To registered devices only: nobody else learns what there is. */
export class FileInterface {
  readonly #files: FirmwareFiles;
  readonly #registrations: Registrations;

  constructor(files: FirmwareFiles, registrations: Registrations) {
    this.#files = files;
    this.#registrations = registrations;
  }

  handle(request: CoapRequest, respond: Respond): void {
    if (this.#registrations.byPeer(request.peer).length === 0) return respond({ code: '4.01' });
    const [, name, ...rest] = request.path;
    if (name === undefined || rest.length > 0) return respond({ code: '4.04' });
    if (request.method !== 'GET') return respond({ code: '4.05' });
    if (request.accept !== undefined && request.accept !== CONTENT_FORMATS.OPAQUE.number)
      return respond({ code: '4.06' });
    const found = this.#files.find(name);
    if (!(found instanceof Promise)) return answer(found, respond);
    found.then(
      (file) => answer(file, respond),
      () => respond({ code: '5.00' }),
    );
  }
}

function answer(file: FirmwareFile | undefined, respond: Respond): void {
  if (file === undefined) respond({ code: '4.04' });
  else respond({ code: '2.05', contentFormat: CONTENT_FORMATS.OPAQUE.number, body: file });
}
