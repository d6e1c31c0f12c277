/**
 * Binds 127.0.0.1:PORT before the service does, and once told to, connects from there to the local port of a command that connects to PORT:
 * both ends have connected then, and the service has accepted nothing. Answers the command, and prints what it gets.
 */
const { TCP, TCPConnectWrap, constants } = process.binding("tcp_wrap");
const { Socket } = require("node:net");
const [servicePort, commandPort] = process.argv.slice(2).map(Number);
const HOST = "127.0.0.1";

const bound = new TCP(constants.SOCKET);
bound.bind(HOST, servicePort);
say("bound");

process.stdin.once("data", () => {
  // In one turn nothing is accepted: the queue is full, so no answer comes yet, and then nobody listens.
  const server = new TCP(constants.SERVER);
  server.bind(HOST, commandPort);
  server.listen(0);
  const others = [1, 2, 3].map(() => connectFrom(new TCP(constants.SOCKET)));
  connectFrom(bound, () => {
    const socket = new Socket({ handle: bound, readable: true, writable: true });
    socket.on("error", () => undefined).on("data", (bytes) => say(`got ${bytes}`));
    socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{"callbacks":[]}');
    say("connected");
  });
  for (const handle of [...others, server]) handle.close();
  say("armed");
});

function say(what) {
  process.stdout.write(`${what}\n`);
}

function connectFrom(handle, onConnected = () => undefined) {
  const request = new TCPConnectWrap();
  request.oncomplete = (status) => status === 0 && onConnected();
  handle.connect(request, HOST, commandPort);
  return handle;
}
