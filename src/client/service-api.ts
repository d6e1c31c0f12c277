/** Requests as this contract says them: credentials, media types, JSON in and out. */
import { WhcbError } from "../domain/errors.js";
import type { Requester } from "./requester.js";
import { parseJson, serviceError } from "./service-error.js";
import { isSuccess, type TransportRequest, type TransportResponse } from "./transport.js";

export interface ServiceCredentials {
  readonly apiKey: string;
  readonly username: string;
  readonly password: string;
}

export interface ApiRequest {
  readonly method: TransportRequest["method"];
  /** After the base path, with its query. */
  readonly path: string;
  readonly noun: "callback" | "call";
  readonly body?: unknown;
  /** Default: GET and PUT. A repeated DELETE would be told that its callback isn't there. */
  readonly isRepeatable?: boolean;
}

export interface ServiceApi {
  readonly name: string;
  readonly basePath: string;
  /** The answer, whatever its status. */
  exchange(request: ApiRequest): Promise<TransportResponse>;
  /** The answer, or the exception for its status. */
  expectSuccess(request: ApiRequest): Promise<TransportResponse>;
  /** The JSON document of a GET by its full path. Throws `unavailable` where it is none. */
  getDocument(fullPath: string, noun: ApiRequest["noun"]): Promise<unknown>;
  documentOf(answer: TransportResponse): unknown;
  errorOf(answer: TransportResponse): WhcbError;
}

const MEDIA_TYPES = {
  callback: "application/vnd.whispir.api-callback-v1+json",
  call: "application/vnd.whispir.api-call-v1+json",
} as const;

export interface ServiceApiDeps {
  readonly requester: Requester;
  readonly name: string;
  readonly basePath: string;
  /** null in this process, where file permissions are the credentials. */
  readonly credentials: ServiceCredentials | null;
}

export function createServiceApi({ requester, name, basePath, credentials }: ServiceApiDeps): ServiceApi {
  const identity = credentials === null ? {} : credentialHeaders(credentials);

  function sendTo(fullPath: string, { method, noun, body, isRepeatable }: Omit<ApiRequest, "path">): Promise<TransportResponse> {
    // Accept is always said: without it the platform answers XML.
    const headers: Record<string, string> = { ...identity, accept: MEDIA_TYPES[noun] };
    if (body !== undefined) headers["content-type"] = MEDIA_TYPES[noun];
    const text = body === undefined ? null : JSON.stringify(body);
    return requester.send(
      { method, path: fullPath, headers, body: text },
      isRepeatable ?? (method === "GET" || method === "PUT"),
    );
  }

  function documentOf(answer: TransportResponse): unknown {
    const document = parseJson(answer.body);
    if (document === undefined) {
      throw new WhcbError("unavailable", `${name}: answered something that is no JSON`, {
        hint: "Is the profile's URL the address of a callbacks service?",
      });
    }
    return document;
  }

  return {
    name,
    basePath,
    exchange: (request) => sendTo(basePath + request.path, request),
    async expectSuccess(request) {
      const answer = await sendTo(basePath + request.path, request);
      if (!isSuccess(answer)) throw serviceError(answer, name);
      return answer;
    },
    async getDocument(fullPath, noun) {
      const answer = await sendTo(fullPath, { method: "GET", noun });
      if (!isSuccess(answer)) throw serviceError(answer, name);
      return documentOf(answer);
    },
    documentOf,
    errorOf: (answer) => serviceError(answer, name),
  };
}

function credentialHeaders({ apiKey, username, password }: ServiceCredentials): Record<string, string> {
  return {
    "x-api-key": apiKey,
    authorization: `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`,
  };
}
