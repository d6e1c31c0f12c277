import { constants } from "node:fs";

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;

/** Another user who may write to the folder may have made a link to any file of this user. Windows has no O_NOFOLLOW. */
export const TO_REPLACE = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
export const TO_APPEND = O_WRONLY | O_APPEND | O_NOFOLLOW;
