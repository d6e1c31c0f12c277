import { WhcbError } from "../../domain/errors.js";
import {
  channelOf,
  type GivenMembers,
  type Members,
  type MessageResponse,
  type ResponseMessage,
  type Sender,
} from "../../domain/message-response.js";
import { isObject, type JsonObject, listOf, objectOf, textOf, textsByName } from "./json-value.js";
import { isDeeper } from "./read-json.js";

/** A document has these names for the message's id and URL. */
export interface MessageNames {
  readonly messageId: string;
  readonly messageLocation: string;
}

const LIST_NAMES: MessageNames = { messageId: "messageId", messageLocation: "messageLocation" };

/** Makes a call's part in a list, or a delivery's body with its own names and content. */
export function responseToJson(
  response: MessageResponse,
  names = LIST_NAMES,
  content = response.responseMessage.content,
): Record<string, unknown> {
  const { messageId, messageLocation, from, responseMessage, customParameters, given } = response;
  const message = messageTexts(responseMessage, content);
  if (given !== undefined) {
    const parts = { from: objectFrom(given.from, from), responseMessage: objectFrom(given.responseMessage, message) };
    const members = Object.entries(objectFrom(given.response, { messageId, messageLocation, ...parts, customParameters }));
    return Object.fromEntries(members.map(([name, value]) => [isMessageName(name) ? names[name] : name, value]));
  }
  return {
    [names.messageId]: messageId || undefined,
    [names.messageLocation]: messageLocation || undefined,
    from: withoutEmpty(from),
    responseMessage: withoutEmpty(message),
    customParameters: Object.keys(customParameters).length > 0 ? customParameters : undefined,
  };
}

/** Returns undefined if all texts are empty. */
function withoutEmpty(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> | undefined {
  const given: Record<string, string> = {};
  for (const name in texts) if (texts[name]) given[name] = texts[name];
  return Object.keys(given).length > 0 ? given : undefined;
}

export function submissionToJson(call: { readonly id?: string; readonly response: MessageResponse }): Record<string, unknown> {
  return { ...(call.id !== undefined && { id: call.id }), ...responseToJson(call.response) };
}

export function readSubmittedIds(document: unknown): readonly string[] {
  return listOf(objectOf(document).calls).map((call) => textOf(objectOf(call).id));
}

/** Reads a call, a submission, or a callback's body (lower-case names). Throws `malformed` only if a value is nested too deeply. */
export function readResponse(value: unknown): MessageResponse {
  const document = objectOf(value);
  const message = objectOf(document.responseMessage);
  const names: MessageNames = {
    messageId: presentName(document, "messageId", "messageid"),
    messageLocation: presentName(document, "messageLocation", "messagelocation"),
  };
  const undeliverable = textOf(message.undeliverable);
  const response: MessageResponse & { given: GivenMembers | undefined } = {
    messageId: textOf(document[names.messageId]),
    messageLocation: textOf(document[names.messageLocation]),
    from: readSender(document.from),
    responseMessage: {
      channel: channelOf(textOf(message.channel)),
      kind: undeliverable === "" ? "reply" : "undeliverable",
      date: undeliverable || textOf(message.acknowledged),
      content: textOf(message.content),
    },
    customParameters: readCustomParameters(document.customParameters),
    given: undefined,
  };
  // A spread that adds a property costs V8 a microsecond.
  if (!saysAll(response, document, names)) response.given = givenMembers(document, names, response);
  return response;
}

function isMessageName(name: string): name is keyof MessageNames {
  return name === "messageId" || name === "messageLocation";
}

/** Chooses the spelling with a text, else the one that is there. */
function presentName(document: JsonObject, name: string, other: string): string {
  const isOther = textOf(document[name]) === "" && document[other] !== undefined;
  return isOther && (document[name] === undefined || textOf(document[other]) !== "") ? other : name;
}

function readSender(value: unknown): Sender {
  const { name, mri, mobile, email, voice } = objectOf(value);
  return mapSender({ name, mri, mobile, email, voice }, textOf);
}

export function mapSender<Text>(sender: Readonly<Record<keyof Sender, Text>>, change: (text: Text) => string): Sender {
  return {
    name: change(sender.name),
    mri: change(sender.mri),
    mobile: change(sender.mobile),
    email: change(sender.email),
    voice: change(sender.voice),
  };
}

/** Reads an object, or the entries of XML. */
function readCustomParameters(value: unknown): Record<string, string> {
  const given = objectOf(value);
  const parameters = given.entry === undefined ? Object.entries(given) : readEntries(given);
  return textsByName(parameters.map(([key, item]) => [key, parameterText(item)]));
}

/** Only entries of a key and a value, without other members, are those of XML. */
function readEntries(value: JsonObject): readonly (readonly [string, unknown])[] {
  const entries = listOf(value.entry).map(objectOf);
  const isXml = Object.keys(value).length === 1 && entries.length > 0 && entries.every(isEntry);
  return isXml ? entries.map((entry) => [textOf(entry.key), entry.value]) : Object.entries(value);
}

function isEntry({ key, value: _value, ...rest }: JsonObject): boolean {
  return key !== undefined && Object.keys(rest).length === 0;
}

/** Objects and lists stay as JSON text. */
function parameterText(value: unknown): string {
  return typeof value === "object" && value !== null ? jsonOf(value) : textOf(value);
}

function messageTexts({ channel, kind, date }: ResponseMessage, content: string) {
  const isUndeliverable = kind === "undeliverable";
  return { channel, acknowledged: isUndeliverable ? "" : date, undeliverable: isUndeliverable ? date : "", content };
}

/** Tells whether the fields imply what was given. */
function saysAll(
  { messageId, messageLocation, from, responseMessage, customParameters }: MessageResponse,
  document: JsonObject,
  names: MessageNames,
): boolean {
  return (
    isImplied(document[names.messageId], messageId) &&
    isImplied(document[names.messageLocation], messageLocation) &&
    areImplied(document.from, from) &&
    areImplied(document.responseMessage, messageTexts(responseMessage, responseMessage.content)) &&
    (document.customParameters === undefined || Object.keys(customParameters).length > 0)
  );
}

function isImplied(value: unknown, text: unknown): boolean {
  return value === undefined || (value === text && text !== "");
}

function areImplied(value: unknown, texts: JsonObject): boolean {
  if (value === undefined) return true;
  if (!isObject(value)) return false;
  let isEmpty = true;
  for (const name in value) {
    if (!isImplied(value[name], texts[name])) return false;
    isEmpty = false;
  }
  return !isEmpty;
}

function givenMembers(
  document: JsonObject,
  names: MessageNames,
  { messageId, messageLocation, from, responseMessage }: MessageResponse,
): GivenMembers {
  const members: Members[number][] = [];
  for (const name in document) {
    const value = document[name];
    if (name === names.messageId) members.push(memberOf("messageId", value, messageId));
    else if (name === names.messageLocation) members.push(memberOf("messageLocation", value, messageLocation));
    else if (name === "from" || name === "responseMessage" || name === "customParameters")
      members.push(isObject(value) ? name : [name, jsonOf(value)]);
  }
  return {
    response: members,
    from: membersOf(document.from, from),
    responseMessage: membersOf(document.responseMessage, messageTexts(responseMessage, responseMessage.content)),
  };
}

function membersOf(value: unknown, texts: JsonObject): Members {
  const given = objectOf(value);
  const members: Members[number][] = [];
  for (const name in given) members.push(memberOf(name, given[name], texts[name]));
  return members;
}

function memberOf(name: string, value: unknown, text: unknown): Members[number] {
  return value === text ? name : [name, jsonOf(value)];
}

function objectFrom(members: Members, fields: JsonObject): Record<string, unknown> {
  const entryOf = (member: Members[number]) =>
    typeof member === "string" ? ([member, fields[member]] as const) : ([member[0], JSON.parse(member[1])] as const);
  return Object.fromEntries(members.map(entryOf));
}

/** A value may have so many levels, as XML is written by recursion. */
const MAX_DEPTH = 100;

function jsonOf(value: unknown): string {
  if (isDeeper(value, MAX_DEPTH)) throw new WhcbError("malformed", `a value of the response has more than ${MAX_DEPTH} levels`);
  return JSON.stringify(value);
}
