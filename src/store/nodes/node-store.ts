/** What the nodes that share a PostgreSQL database agree on through it (docs/dispatcher.md, Ownership). */
import type { ServiceSettings } from "../../domain/service-settings.js";

export interface NodeStore extends LeaseStore, LimitStore, MemberStore, Signals {
  /** The database's clock, epoch ms. */
  readTime(): Promise<number>;
}

/** Who uses the database: by MEMBER_MS, by the database's clock. */
export interface MemberStore {
  /** Atomic: all that run at the same time have the same settings. `changes` are compared with what runs, and stored. */
  joinNodes(nodeId: string, changes: Partial<ServiceSettings>): Promise<Joined>;
  /** Atomic. After it had expired, with all its settings; stores none. */
  rejoinNodes(nodeId: string, settings: ServiceSettings): Promise<Joined>;
  /** Atomic. false: nodes run, or another task. Until it leaves, no node joins, and a node that hung finds its callbacks lost. */
  joinAlone(taskId: string, task: string): Promise<boolean>;
  renewMember(id: string): Promise<Renewed>;
  /** Besides this one and the schema's owner: roles that may create objects in the schema. */
  listCreators(): Promise<readonly string[]>;
  leaveMembers(id: string): Promise<void>;
}

export type Joined =
  | { readonly kind: "joined"; readonly settings: ServiceSettings }
  | { readonly kind: "differs"; readonly running: ServiceSettings }
  | { readonly kind: "busy"; readonly task: string };

export interface Renewed {
  /** false: it had expired. */
  readonly isMember: boolean;
  /** Migrations that this version doesn't know. */
  readonly newer: "none" | "compatible" | "incompatible";
}

export interface LeaseStore {
  /** Under a new id: one whose lease was lost isn't used again. */
  startLease(dispatcherId: string): Promise<void>;
  /** For LEASE_MS. false: it had ended, and others may have taken what it owned. */
  renewLease(dispatcherId: string): Promise<boolean>;
  /** By id; without its own. */
  readOthers(dispatcherId: string): Promise<ReadonlyMap<string, OtherLease>>;
  /** No-op if it was renewed since. Until then it still owns what it has, and may renew. */
  endUnrenewed(dispatcherId: string, renewal: number): Promise<void>;
  readShare(dispatcherId: string): Promise<LeaseShare>;
  /** Another one after a promotion or a restore, which may lack the last commits. null: the server doesn't tell. */
  readTimeline(): Promise<string | null>;
  /** What it owned is free at once. */
  endLease(dispatcherId: string): Promise<void>;
  /** Atomic. Callbacks with something to do and no living owner, up to this dispatcher's share of all. Default: any. */
  takeCallbacks(dispatcherId: string, limit: number, callbackIds?: readonly string[]): Promise<TakenCallbacks>;
  /** With their fences, by callback id. */
  listOwned(dispatcherId: string): Promise<ReadonlyMap<string, number>>;
  /** Atomic. Those that it still owns. */
  releaseCallbacks(dispatcherId: string, callbackIds: readonly string[]): Promise<void>;
}

export interface LeaseShare {
  /** By this dispatcher. */
  readonly owned: number;
  /** How many callbacks one dispatcher owns if all own as many, rounded up. */
  readonly share: number;
}

export interface OtherLease {
  /** Another one with each renewal. */
  readonly renewal: number;
  /** Until it expires by the database's clock, which may be set. */
  readonly leftMs: number;
}

export interface TakenCallbacks {
  /** By callback id: larger than that of any earlier owner. */
  readonly fences: ReadonlyMap<string, number>;
  /** More of its share is free: beyond `limit`, or locked at this moment. */
  readonly hasMore: boolean;
}

/** What limits clients, counted by all nodes together. */
export interface LimitStore {
  /** Atomic. `change` gets what is stored, and may run again if a transaction has to be repeated. */
  changeLimits<Result>(keys: readonly string[], change: (states: readonly LimitState[]) => LimitChange<Result>): Promise<Result>;
}

/** What it means is up to who counts; []: nothing yet. */
export type LimitState = readonly number[];

export interface LimitChange<Result> {
  /** In the order of the keys; null: they stay. */
  readonly states: readonly Limit[] | null;
  readonly result: Result;
}

/** It may be forgotten at `expiresAt` (epoch ms). */
export interface Limit {
  readonly state: LimitState;
  readonly expiresAt: number;
}

export interface Signals {
  /** After a commit. Returns at once. */
  announce(): void;
  /**
   * Until the store is closed: another node has announced something, or may have. `onDeaf`: a connection was made on which nothing arrives,
   * as by a pooler in transaction mode.
   */
  listen(handler: () => void, onDeaf: () => void): void;
  close(): Promise<void>;
}

export const LEASE_MS = 15_000;
export const MEMBER_MS = 15_000;
