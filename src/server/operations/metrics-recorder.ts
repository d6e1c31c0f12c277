/** What the server tells its metrics, and what they tell. */
export interface Metrics {
  accepted(count: number): void;
  answered(request: AnsweredRequest): void;
  /** As Prometheus reads it. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface AnsweredRequest {
  readonly method: string;
  /** The route's pattern, not the path: a label has few values. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}
