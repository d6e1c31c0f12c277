/** The request that an endpoint receives: the POST that carries a response, and the GET of the registration check. */

export interface DeliveryRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}
