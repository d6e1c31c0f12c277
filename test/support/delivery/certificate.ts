/** Certificates made while the tests run, so that none expires in the repository. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** Makes a self-signed certificate for the names (`DNS:localhost`, `IP:127.0.0.1`) that is valid for a day. It needs openssl. */
export function selfSignedCertificate(...names: readonly string[]): Certificate {
  return createCertificate(["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], names);
}

/** Makes a self-signed certificate with an RSA key. */
export function rsaCertificate(...names: readonly string[]): Certificate {
  return createCertificate(["rsa:2048"], names);
}

function createCertificate(kind: readonly string[], names: readonly string[]): Certificate {
  const directory = mkdtempSync(join(tmpdir(), "whcb-cert-"));
  try {
    const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
    const what = ["-newkey", ...kind, "-nodes", "-days", "1"];
    const who = ["-subj", "/CN=whcb test", "-addext", `subjectAltName=${names.join(",")}`];
    execFileSync("openssl", ["req", "-x509", ...what, ...who, "-keyout", key, "-out", cert], { stdio: "pipe" });
    return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
