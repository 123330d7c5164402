import { parseAttributes } from '../attributes.ts';
import type { CoapRequest, ResponseToSend } from '../coap/endpoint.ts';
import { decodeContent, decodeCreateContent, encodeContent } from '../content/codec.ts';
import { CONTENT_FORMATS } from '../content/content-formats.ts';
import type { Lwm2mNode, Resource } from '../content/node.ts';
import type { ObjectModels } from '../model/object-models.ts';
import { formatPath, type Lwm2mPath, pathLevel, pathOfSegments } from '../path.ts';
import type { AttributeStore } from './attribute-store.ts';
import { discoverLinks } from './discover.ts';
import {
  assertPresent,
  type DeviceResource,
  instanceAt,
  type ObjectTree,
  objectAt,
  resourceAt,
  type WriteMode,
} from './object-tree.ts';
import { readingOf, readNode, responseFormat } from './readings.ts';
import { refusal } from './refusal.ts';

export interface OperationsParts {
  readonly tree: ObjectTree;
  readonly models: ObjectModels;
  readonly attributes: AttributeStore;
  /** A server wrote what stands at this path. */
  onWritten(path: Lwm2mPath): void;
  onAttributes(): void;
  /** An instance came or went. */
  onInstances(removed?: Lwm2mPath): void;
}

interface ReadResponse extends ResponseToSend {
  readonly contentFormat: number;
  readonly node: Lwm2mNode;
}

/** What a server may ask of a device, by CoAP method. Each function throws a coded error for a request it refuses. */
export class Operations {
  readonly #parts: OperationsParts;

  constructor(parts: OperationsParts) {
    this.#parts = parts;
  }

  async run(request: CoapRequest): Promise<ResponseToSend> {
    const path = pathOfSegments(request.path);
    switch (request.method) {
      case 'GET':
        return request.accept === CONTENT_FORMATS.LINK.number ? this.#discover(path) : await this.read(request, path);
      case 'PUT':
        return request.query.length > 0 ? this.#writeAttributes(request, path) : await this.#replace(request, path);
      case 'POST':
        return await this.#post(request, path);
      case 'DELETE':
        return await this.#delete(path);
      default:
        throw refusal('4.05', `${request.method} is not supported`);
    }
  }

  /** Read; also the first answer to an Observe. */
  async read(request: CoapRequest, path: Lwm2mPath): Promise<ReadResponse> {
    const node = await readNode(this.#parts.tree, path);
    const contentFormat = responseFormat(request.accept, node);
    return { code: '2.05', contentFormat, payload: encodeContent(contentFormat, node, path), node };
  }

  #discover(path: Lwm2mPath): ResponseToSend {
    const { tree, attributes } = this.#parts;
    const links = discoverLinks(tree, attributes, path);
    return { code: '2.05', contentFormat: CONTENT_FORMATS.LINK.number, payload: Buffer.from(links) };
  }

  #writeAttributes(request: CoapRequest, path: Lwm2mPath): ResponseToSend {
    if (request.payload.length > 0) throw refusal('4.00', 'attributes and a value in one request');
    if (path.objectId === undefined) throw refusal('4.05', 'the root has no attributes');
    const changes = parseAttributes(request.query.join('&'));
    assertPresent(this.#parts.tree, path);
    this.#parts.attributes.write(path, changes);
    this.#parts.onAttributes();
    return { code: '2.04' };
  }

  async #replace(request: CoapRequest, path: Lwm2mPath): Promise<ResponseToSend> {
    if (path.instanceId === undefined) throw refusal('4.05', 'only instances and resources can be written');
    return await this.#write(request, path, 'replace');
  }

  /** POST: on an object Create, on an instance partial Write, on a resource Execute, or Write to a multiple resource. */
  async #post(request: CoapRequest, path: Lwm2mPath): Promise<ResponseToSend> {
    switch (pathLevel(path)) {
      case 'object':
        return await this.#create(request, path);
      case 'instance':
        return await this.#write(request, path, 'update');
      case 'resource':
        return await this.#executeOrUpdate(request, path);
      default:
        throw refusal('4.05', `POST is not for ${formatPath(path)}`);
    }
  }

  async #executeOrUpdate(request: CoapRequest, path: Lwm2mPath): Promise<ResponseToSend> {
    const resource = resourceAt(this.#parts.tree, path);
    if (resource.execute === undefined) {
      const isMultiple = resource.dimension !== undefined && resource.write !== undefined;
      if (isMultiple && request.contentFormat !== undefined) return await this.#write(request, path, 'update');
      throw refusal('4.05', 'the resource cannot be executed');
    }
    if (request.contentFormat !== undefined && request.contentFormat !== CONTENT_FORMATS.TEXT.number) {
      throw refusal('4.15', 'arguments are text');
    }
    await resource.execute(request.payload.toString('utf8'));
    return { code: '2.04' };
  }

  async #write(request: CoapRequest, path: Lwm2mPath, mode: WriteMode): Promise<ResponseToSend> {
    const { tree, models } = this.#parts;
    assertPresent(tree, path);
    const node = decodeContent(request.contentFormat, request.payload, path, models);
    if (node.kind === 'instance') await this.#writeInstance(node.resources, path, mode);
    else if (node.kind !== 'object') await this.#writeResource(node, path, mode);
    return { code: '2.04' };
  }

  /**
   * Nothing is written unless every given resource can be. Resources that a replacing Write leaves out keep their
   * value: what a device measures or drives has no neutral value to fall back to.
   */
  async #writeInstance(resources: readonly Resource[], path: Lwm2mPath, mode: WriteMode): Promise<void> {
    const held = instanceAt(this.#parts.tree, path).resources;
    const targets = resources.map((value) => ({ value, resource: writable(held.get(value.id)) }));
    for (const { value, resource } of targets) {
      await resource.write(readingOf(value), mode);
      this.#parts.onWritten({ ...path, resourceId: value.id });
    }
  }

  async #writeResource(node: Resource, path: Lwm2mPath, mode: WriteMode): Promise<void> {
    const resource = writable(resourceAt(this.#parts.tree, path));
    if (path.resourceInstanceId === undefined) {
      await resource.write(readingOf(node), mode);
    } else if (node.kind === 'resource') {
      await resource.write({ type: node.value.type, values: new Map([[node.id, node.value]]) }, 'update');
    }
    this.#parts.onWritten(path);
  }

  async #create(request: CoapRequest, path: Lwm2mPath): Promise<ResponseToSend> {
    const { tree, models } = this.#parts;
    const object = objectAt(tree, path);
    if (object.create === undefined) throw refusal('4.05', 'the object takes no new instances');
    const { instanceId, resources } = decodeCreateContent(request.contentFormat, request.payload, path, models);
    if (instanceId !== undefined && object.instances.has(instanceId)) throw refusal('4.00', 'the instance exists');
    const values = new Map(resources.map((resource) => [resource.id, readingOf(resource)]));
    const id = await object.create({ ...(instanceId !== undefined && { instanceId }), values });
    this.#parts.onInstances();
    return { code: '2.01', locationPath: [String(object.id), String(id)] };
  }

  async #delete(path: Lwm2mPath): Promise<ResponseToSend> {
    if (pathLevel(path) !== 'instance') throw refusal('4.05', 'only instances can be deleted');
    const { id } = instanceAt(this.#parts.tree, path);
    const object = objectAt(this.#parts.tree, path);
    if (object.delete === undefined) throw refusal('4.05', 'the object keeps its instances');
    await object.delete(id);
    this.#parts.onInstances(path);
    return { code: '2.02' };
  }
}

function writable(resource: DeviceResource | undefined): DeviceResource & Required<Pick<DeviceResource, 'write'>> {
  if (resource === undefined) throw refusal('4.04', 'no such resource');
  if (resource.write === undefined) throw refusal('4.05', `resource ${resource.id} cannot be written`);
  return resource as DeviceResource & Required<Pick<DeviceResource, 'write'>>;
}
