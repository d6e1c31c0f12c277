/** Responses that a caller hands in to be delivered, checked and filled up. */
import type { MessageResponse } from "../../domain/message-response.js";
import { checkerOf } from "./check.js";
import { isObject } from "./json-value.js";
import { readResponse } from "./response-json.js";
import { SubmissionListSchema, SubmissionSchema } from "./schemas.js";

const checkOne = checkerOf(SubmissionSchema);
const checkMany = checkerOf(SubmissionListSchema);

export interface Submission {
  /** null: the service makes one. */
  readonly id: string | null;
  readonly response: MessageResponse;
}

/** What is made up for fields that are missing. */
export interface SubmissionDefaults {
  /** 32 upper-case hex digits. */
  readonly newMessageId: () => string;
  /** dd/MM/yy HH:mm. */
  readonly date: string;
}

/** One call object, or `{"calls": [...]}` of 1 to 1 000. Throws `invalid` or `malformed`. */
export function parseSubmissions(value: unknown, defaults: SubmissionDefaults): readonly Submission[] {
  if (!isObject(value) || value.calls === undefined) return [parseSubmission(value, defaults)];
  return checkMany(value).calls.map((call) => submissionOf(call, call.id, defaults));
}

/** One call object: a line of NDJSON. */
export function parseSubmission(value: unknown, defaults: SubmissionDefaults): Submission {
  const call = checkOne(value);
  return submissionOf(call, call.id, defaults);
}

function submissionOf(value: unknown, id: string | undefined, { newMessageId, date }: SubmissionDefaults): Submission {
  const response = readResponse(value);
  return {
    id: id ?? null,
    response: {
      messageId: storable(response.messageId) || newMessageId(),
      messageLocation: storable(response.messageLocation),
      from: {
        name: storable(response.from.name),
        mri: storable(response.from.mri),
        mobile: storable(response.from.mobile),
        email: storable(response.from.email),
        voice: storable(response.from.voice),
      },
      responseMessage: {
        ...response.responseMessage,
        date: storable(response.responseMessage.date) || date,
        content: storable(response.responseMessage.content),
      },
      customParameters: storableValues(response.customParameters),
    },
  };
}

function storableValues(parameters: MessageResponse["customParameters"]): MessageResponse["customParameters"] {
  return Object.fromEntries(Object.entries(parameters).map(([key, value]) => [storable(key), storable(value)]));
}

/** Not every database holds a NUL or half a surrogate pair in a text; neither can be said in XML. */
const UNSTORABLE = /\p{Surrogate}|\0/gu;

function storable(text: string): string {
  return text.replace(UNSTORABLE, "\ufffd");
}
