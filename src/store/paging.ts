export interface PageQuery {
  readonly limit: number;
  readonly offset: number;
  readonly cursor?: string;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Rows that match. */
  readonly total: number;
  /** false: there may be more. */
  readonly isTotalExact?: false;
  /** Of the first item, 0-based. */
  readonly offset: number;
  /** null: the last page. */
  readonly nextCursor: string | null;
}

export interface Sort<Field> {
  readonly field: Field;
  readonly descending: boolean;
}
