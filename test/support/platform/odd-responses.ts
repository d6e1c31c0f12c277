/** Responses as services have listed them, or may, with what they are. */
export const ODD_RESPONSES: Readonly<Record<string, object>> = {
  "empty members, as in the platform's guide": {
    messageId: "M1",
    messageLocation: "https://api.whispir.com/messages/M1",
    from: { voice: "", mri: "", name: "Ada", mobile: "61400000001", email: "" },
    responseMessage: { acknowledged: "24/11/26 09:30", channel: "sms", content: "" },
    customParameters: {},
  },
  "an unknown channel, null and unknown members": {
    messageId: "",
    from: { name: null, mobile: 61_400_000_001, phone: "61400000001", tags: ["a", { b: null }], link: "x" },
    responseMessage: { channel: "N/A", undeliverable: "", acknowledged: null, content: "<b>5</b> & 6", intent: { name: "yes" } },
    customParameters: { order: "12" },
    responseType: "ignored",
  },
  "other types": {
    messageId: 7,
    messageLocation: null,
    from: [],
    responseMessage: { channel: null, content: ["<b>one</b>", "two"] },
    customParameters: null,
  },
  "hostile names": JSON.parse(
    '{"from":{"__proto__":{"name":"x"},"constructor":"y","a b":1,"<x>":"z"},"responseMessage":{"toString":"t","content":"Yes"},"customParameters":{"__proto__":"p","entry":"e"}}',
  ),
};

/** Returns the call as a delivered body with the default names has it. */
export function delivered(call: object): unknown {
  const { id: _, responseType: __, messageId, messageLocation, ...parts }: Record<string, unknown> = { ...call };
  return JSON.parse(JSON.stringify({ messageid: messageId, messagelocation: messageLocation, ...parts }));
}

export const XML_BEGIN =
  '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><ns2:deliveryResponse xmlns:ns2="http://schemas.api.whispir.com">';
