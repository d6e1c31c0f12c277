export interface paths {
    "/callbacks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List callbacks */
        get: operations["listCallbacks"];
        put?: never;
        /** Create a callback; its URL must answer a GET with 200 */
        post: operations["createCallback"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/callbacks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a callback */
        get: operations["getCallback"];
        /** Change a callback's settings; what is left out is kept. 200 shows a signing secret that was made */
        put: operations["updateCallback"];
        post?: never;
        /** Delete a callback; what waits to be sent is cancelled */
        delete: operations["deleteCallback"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/callbacks/{id}/test-email": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send the e-mail of an outage to the callback's address, as a test: one a minute to an address, 20 an hour in all */
        post: operations["sendTestMail"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/callbacks/{id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Pause a callback, in place of an earlier pause: nothing is sent, and what is accepted waits */
        post: operations["pauseCallback"];
        /** End the pause of a callback, if it has one: what has waited is sent */
        delete: operations["resumeCallback"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/callbacks/{id}/calls": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List a callback's calls, newest first */
        get: operations["listCalls"];
        /** Mark up to 100 calls, all or none */
        put: operations["markCalls"];
        /** Submit responses to deliver: one, up to 1 000, or NDJSON of any length */
        post: operations["submitCalls"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/callbacks/{id}/call-ids": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Complete a generated call id from its first 6 or more hex digits, whatever the calls' status */
        get: operations["findCallIds"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/callbacks/{id}/call-states": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the states of up to 100 calls; unknown ones are left out */
        get: operations["findStates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/call-ids": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Find the calls of all callbacks that have an id, or whose generated id begins with it */
        get: operations["findCallPlaces"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/callbacks/{id}/calls/{callId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a call */
        get: operations["getCall"];
        /** Mark a call */
        put: operations["markCall"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/callbacks/{id}/calls/{callId}/attempts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List a call's attempts */
        get: operations["listAttempts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/callbacks/{id}/attempts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add up to 100 attempts that a client made to the history of their calls; this changes no status */
        post: operations["recordReplays"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/outages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List outages, newest first */
        get: operations["listOutages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List who changed what, newest first */
        get: operations["listAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/callbacks/{id}/replays": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Replay failed calls now: up to 100 by id, or all that match a filter; another parameter is an error */
        post: operations["requestReplays"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/callbacks/{id}/replays/{replayId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a replay by the service: its state and the number of calls by outcome */
        get: operations["getReplay"];
        put?: never;
        post?: never;
        /** Cancel what a replay by the service has not begun to send; the calls keep their retries */
        delete: operations["cancelReplay"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/callbacks/{id}/run-lock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get who has the lock of a callback, if anybody has it */
        get: operations["findRunLock"];
        /** Take the lock of a callback for 30 seconds, or renew it: one run at a time sends a callback's calls */
        put: operations["takeRunLock"];
        post?: never;
        /** Release the lock of a callback, if this run has it */
        delete: operations["releaseRunLock"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Get a token for a user and password */
        post: operations["issueToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/console/code": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Get a code to sign in to the console, for a user and password */
        post: operations["createSignInCode"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Check that the credentials are valid */
        get: operations["getRoot"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Check that the credentials are valid */
        get: operations["verifyToken"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** an object */
        NewCallback: {
            /** @description Unique; a message refers to it as its callbackId */
            name: string;
            /** @description http or https */
            url: string;
            /** an object */
            auth: {
                /** queryparam, httpheader, basicauth or bearertoken */
                type: "queryparam" | "querystring" | "httpheader" | "basicauth" | "bearertoken";
                /** @description Empty: no credential is sent */
                key?: string;
            };
            /** json or xml */
            contentType: "json" | "xml";
            /**
             * enabled or disabled
             * @description A new callback without it has disabled
             */
            removeHTML?: "enabled" | "disabled";
            /**
             * true or false
             * @description A new callback without it has false
             */
            retriesEnabled?: boolean | "true" | "false";
            /** @description Who is notified of an outage */
            email: string;
            /** an object */
            callbacks?: {
                /**
                 * enabled or disabled
                 * @description A new callback without it has disabled
                 */
                reply?: "enabled" | "disabled";
                /**
                 * enabled or disabled
                 * @description A new callback without it has disabled
                 */
                undeliverable?: "enabled" | "disabled";
            };
            /**
             * enabled, disabled or new
             * @description Whether deliveries are signed; new: with a new secret. A new callback without it has disabled
             */
            signing?: "enabled" | "disabled" | "new";
        };
        Link: {
            /** @description Absolute */
            uri: string;
            rel: string;
            method: string;
            type?: string;
            host: string;
            /** @description -1 for the scheme's default port */
            port: number;
        };
        Callback: {
            id: string;
            name: string;
            url: string;
            auth: {
                type: "queryparam" | "httpheader" | "basicauth" | "bearertoken";
                key: string;
            };
            contentType: "json" | "xml";
            removeHTML: "enabled" | "disabled";
            retriesEnabled: boolean;
            email: string;
            callbacks: {
                reply: "enabled" | "disabled";
                undeliverable: "enabled" | "disabled";
            };
            /** @constant */
            signing?: "enabled";
            /** @description Only of the request that made it */
            signingSecret?: string;
            state?: "down" | "failing" | "not-answering" | "paused" | "checking" | "recovering" | "up" | "idle";
            /**
             * Format: date-time
             * @description ISO 8601 with milliseconds
             */
            stateSince?: string;
            /**
             * Format: date-time
             * @description Without it, a pause ends when it is resumed
             */
            pausedUntil?: string;
            pausedBy?: string;
            /**
             * Format: date-time
             * @description ISO 8601 with milliseconds
             */
            downSince?: string;
            /** @description Why nothing can be sent to the endpoint: the egress proxy can't be used, or no process that sends is known to run */
            sending?: string;
            waitingSince?: string | null;
            waitingCalls?: number;
            expiredCalls?: number;
            link: components["schemas"]["Link"][];
        };
        /**
         * an object
         * @description What is left out is kept
         */
        CallbackUpdate: {
            /** @description Unique; a message refers to it as its callbackId */
            name?: string;
            /** @description http or https */
            url?: string;
            /** an object */
            auth?: {
                /** queryparam, httpheader, basicauth or bearertoken */
                type?: "queryparam" | "querystring" | "httpheader" | "basicauth" | "bearertoken";
                /** @description Empty: no credential is sent */
                key?: string;
            };
            /** json or xml */
            contentType?: "json" | "xml";
            /**
             * enabled or disabled
             * @description A new callback without it has disabled
             */
            removeHTML?: "enabled" | "disabled";
            /**
             * true or false
             * @description A new callback without it has false
             */
            retriesEnabled?: boolean | "true" | "false";
            /** @description Who is notified of an outage */
            email?: string;
            /** an object */
            callbacks?: {
                /**
                 * enabled or disabled
                 * @description A new callback without it has disabled
                 */
                reply?: "enabled" | "disabled";
                /**
                 * enabled or disabled
                 * @description A new callback without it has disabled
                 */
                undeliverable?: "enabled" | "disabled";
            };
            /**
             * enabled, disabled or new
             * @description Whether deliveries are signed; new: with a new secret. A new callback without it has disabled
             */
            signing?: "enabled" | "disabled" | "new";
        };
        MadeSecret: {
            id: string;
            /** @constant */
            signing: "enabled";
            signingSecret: string;
        };
        /**
         * an object
         * @description Without `durationMs` it lasts until it is resumed
         */
        Pause: {
            /** milliseconds, from 1 to those of 365 days */
            durationMs?: number;
        };
        Attempt: {
            number: number;
            /**
             * Format: date-time
             * @description ISO 8601 with milliseconds
             */
            attemptedDate: string;
            durationMs: number;
            statusCode?: number;
            statusMessage: string;
            error?: string;
            cause: "first" | "retry" | "probe" | "replay";
            /** @description user@host of the client that sent it, as it says */
            sentFrom?: string;
            /** @description The first 1 KiB of the answer's body */
            body?: string;
            /**
             * @description Sent again on a fresh connection, within this attempt
             * @constant
             */
            resent?: true;
            /** @description The endpoint's Retry-After; the service changes nothing by it */
            retryAfterMs?: number;
        };
        Call: {
            id: string;
            /** @description As submitted: text */
            messageId?: unknown;
            /** @description As submitted: text */
            messageLocation?: unknown;
            status: "FAILED" | "SUCCESS" | "PENDING";
            /** @description As submitted: name, mri, mobile, email, voice */
            from?: unknown;
            /** @description As submitted: channel, acknowledged or undeliverable (dd/MM/yy HH:mm), content */
            responseMessage?: unknown;
            /** @description As submitted: texts by name */
            customParameters?: unknown;
            callback: {
                id: string;
                name: string;
                url: string;
                /**
                 * Format: date-time
                 * @description ISO 8601 with milliseconds
                 */
                attemptedDate?: string;
                statusCode?: number;
                statusMessage?: string;
            };
            attemptCount: number;
            /**
             * Format: date-time
             * @description ISO 8601 with milliseconds
             */
            nextAttemptDate?: string;
            /**
             * Format: date-time
             * @description ISO 8601 with milliseconds
             */
            retryUntil?: string;
            settledBy?: "dispatcher" | "user" | "replay";
            /** @description Who has marked it */
            settledByUser?: string;
            /**
             * Format: date-time
             * @description ISO 8601 with milliseconds
             */
            changedDate: string;
            /**
             * Format: date-time
             * @description ISO 8601 with milliseconds
             */
            submittedDate: string;
            attempts?: components["schemas"]["Attempt"][];
            answer?: string;
            link: components["schemas"]["Link"][];
        };
        /** an object */
        ReplayReport: {
            /** text */
            sentFrom: string;
            /** a list */
            attempts: {
                /** a call id */
                id: string;
                /**
                 * ISO 8601
                 * @description At most 5 minutes ahead of the service's clock
                 */
                attemptedDate: string;
                /** milliseconds, at most a day */
                durationMs: number;
                /** a status code */
                statusCode?: number;
                /** text */
                statusMessage?: string;
                /** the reason of a failed request */
                error?: "connect-timeout" | "response-timeout" | "refused" | "dns" | "tls" | "reset" | "redirect" | "too-large" | "address-refused" | "protocol";
                /** text */
                body?: string;
                /**
                 * true or false
                 * @description Sent again on a fresh connection, within this attempt
                 */
                resent?: boolean;
            }[];
        };
        /** an object */
        Mark: {
            /** SUCCESS or FAILED */
            status: "SUCCESS" | "FAILED";
            /** user or replay */
            settledBy?: "user" | "replay";
            replays?: components["schemas"]["ReplayReport"];
            /** a date */
            unlessDeliveredSince?: string;
            /** true or false */
            unlessSettled?: boolean;
            /** a date */
            unlessFailedSince?: string;
            /** a list */
            unlessChanged?: {
                /** a call id */
                id: string;
                /** a date */
                changedDate?: string;
                /** a date */
                submittedDate?: string;
            }[];
            /** a date */
            markedAt?: string;
        };
        /** an object */
        Submission: {
            /**
             * up to 64 letters, digits and . _ ~ -
             * @description A call sent twice is accepted once
             */
            id?: string;
            /** up to 64 characters */
            messageId?: string | null;
            /** up to 64 characters */
            messageid?: string | null;
            /** text of up to 2048 characters, or null */
            messageLocation?: string | null;
            /** text of up to 2048 characters, or null */
            messagelocation?: string | null;
            /** an object */
            from?: {
                /** text or null */
                name?: string | number | boolean | null;
                /** text or null */
                mri?: string | number | boolean | null;
                /** text or null */
                mobile?: string | number | boolean | null;
                /** text or null */
                email?: string | number | boolean | null;
                /** text or null */
                voice?: string | number | boolean | null;
            } | null;
            /** an object */
            responseMessage?: {
                /** text of up to 64 characters, or null */
                channel?: string | null;
                /** text of up to 64 characters, or null */
                acknowledged?: string | null;
                /** text of up to 64 characters, or null */
                undeliverable?: string | null;
                /** text or null */
                content?: string | number | boolean | null;
            } | null;
            /** an object of up to 1 000 members */
            customParameters?: {
                [key: string]: unknown;
            } | null;
        };
        SubmissionList: {
            calls: components["schemas"]["Submission"][];
        };
        Outage: {
            id: string;
            callbackId: string;
            /**
             * Format: date-time
             * @description ISO 8601 with milliseconds
             */
            startedAt: string;
            /**
             * Format: date-time
             * @description ISO 8601 with milliseconds
             */
            endedAt?: string;
            state: "open" | "closed";
            /**
             * Format: date-time
             * @description ISO 8601 with milliseconds
             */
            recoveringSince?: string;
            failedCalls: number;
            /**
             * Format: date-time
             * @description ISO 8601 with milliseconds
             */
            notifiedAt?: string;
            notifiedBy?: "smtp" | "file";
            /** @description Why the e-mail isn't sent yet */
            mailError?: string;
        };
        AuditEntry: {
            id: string;
            /**
             * Format: date-time
             * @description ISO 8601 with milliseconds
             */
            at: string;
            action: "callback-created" | "callback-changed" | "callback-paused" | "callback-resumed" | "callback-deleted" | "endpoint-tested" | "calls-marked" | "attempts-reported" | "replay-requested" | "replay-cancelled" | "sender-erased" | "user-added" | "user-changed" | "user-removed" | "signed-in" | "sign-in-failed";
            /** @description A user of the service, or user@host of a command on the database */
            user?: string;
            via: "api" | "console" | "database";
            address?: string;
            callbackId?: string;
            /** @description The name that it had */
            callback?: string;
            /** @description Calls, attempts, tests, or sign-ins that failed */
            count?: number;
            details?: {
                settings?: {
                    setting: string;
                    before?: string;
                    after?: string;
                }[];
                status?: "FAILED" | "SUCCESS";
                settledBy?: "user" | "replay";
                /** @description As parameters of the list of calls */
                filter?: {
                    [key: string]: string;
                };
                callId?: string;
                /** @description SHA-256 of the ids, sorted, one a line */
                callIdsDigest?: string;
                replayId?: string;
                /**
                 * Format: date-time
                 * @description The end of the pause; without it, when it is resumed
                 */
                until?: string;
                /** @description Who was added, changed or removed */
                username?: string;
                /** @constant */
                newApiKey?: true;
                mails?: number;
                filters?: number;
            };
        };
        /** an object */
        RunLease: {
            /** up to 64 letters, digits and . _ ~ -, with a letter or digit first */
            run: string;
            /** text without control characters */
            holder: string;
            /** a whole number */
            done?: number;
            /** a whole number */
            total?: number;
        };
        Error: {
            errorSummary: string;
            errorText: string;
            errorDetail: string;
        };
    };
    responses: {
        /** @description Malformed */
        400: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
                "application/xml": string;
            };
        };
        /** @description Missing or wrong user, password or token */
        401: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
                "application/xml": string;
            };
        };
        /** @description Missing or wrong API key, or the plan's limit is reached */
        403: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
                "application/xml": string;
            };
        };
        /** @description Not found */
        404: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
                "application/xml": string;
            };
        };
        /** @description Another run has the lock; the body of run-lock has its run, holder, done and total. Or this node sends no e-mails */
        409: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
                "application/xml": string;
            };
        };
        /** @description Body over 10 485 760 bytes */
        413: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
                "application/xml": string;
            };
        };
        /** @description Unsupported Accept or Content-Type */
        415: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
                "application/xml": string;
            };
        };
        /** @description The service doesn't know the name in Host */
        421: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
                "application/xml": string;
            };
        };
        /** @description A field is missing or out of range */
        422: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
                "application/xml": string;
            };
        };
        /** @description Too many failed logins or test e-mails */
        429: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
                "application/xml": string;
            };
        };
        /** @description Temporarily unavailable */
        503: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
                "application/xml": string;
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listCallbacks: {
        parameters: {
            query?: {
                /** @description A value above the largest page size means the largest */
                limit?: number;
                offset?: number;
                /** @description Taken from the link rel=next */
                cursor?: string;
                /** @description Comma-separated */
                sortFields?: string;
                sortOrder?: "asc" | "desc";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description "1 to 20 of 347" */
                        status: string;
                        callbacks?: components["schemas"]["Callback"][];
                        link?: components["schemas"]["Link"][];
                    };
                    "application/vnd.whispir.api-callback-v1+json": {
                        /** @description "1 to 20 of 347" */
                        status: string;
                        callbacks?: components["schemas"]["Callback"][];
                        link?: components["schemas"]["Link"][];
                    };
                    "application/xml": string;
                    "application/vnd.whispir.api-callback-v1+xml": string;
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    createCallback: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewCallback"];
                "application/vnd.whispir.api-callback-v1+json": components["schemas"]["NewCallback"];
                "application/xml": string;
                "application/vnd.whispir.api-callback-v1+xml": string;
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Callback"];
                    "application/vnd.whispir.api-callback-v1+json": components["schemas"]["Callback"];
                    "application/xml": string;
                    "application/vnd.whispir.api-callback-v1+xml": string;
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    getCallback: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Callback"];
                    "application/vnd.whispir.api-callback-v1+json": components["schemas"]["Callback"];
                    "application/xml": string;
                    "application/vnd.whispir.api-callback-v1+xml": string;
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    updateCallback: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CallbackUpdate"];
                "application/vnd.whispir.api-callback-v1+json": components["schemas"]["CallbackUpdate"];
                "application/xml": string;
                "application/vnd.whispir.api-callback-v1+xml": string;
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MadeSecret"];
                };
            };
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    deleteCallback: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    sendTestMail: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        to: string;
                        channel: "smtp" | "file";
                        /** @description The mail server accepted it, or the file was written */
                        sent: boolean;
                        /** @description The mail server's answer, why it wasn't sent, or the file's path */
                        answer: string;
                    };
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            409: components["responses"]["409"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    pauseCallback: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Pause"];
                "application/vnd.whispir.api-callback-v1+json": components["schemas"]["Pause"];
                "application/xml": string;
                "application/vnd.whispir.api-callback-v1+xml": string;
            };
        };
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    resumeCallback: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    listCalls: {
        parameters: {
            query?: {
                status?: "FAILED" | "SUCCESS" | "PENDING";
                /** @description Last attempt at or after this time: ISO 8601 or dd/MM/yy HH:mm */
                since?: string;
                /** @description Last attempt before this time */
                until?: string;
                /** @description Comma-separated: 500, 5xx or none (no answer) */
                statusCode?: string;
                /** @description As a group's: the answer's message, no-message, or the kind of failure */
                reason?: string;
                /** @description SMS, EMAIL or VOICE; another one as listed */
                channel?: string;
                messageId?: string;
                from?: string;
                /** @description Text anywhere in the content, in any letter case */
                q?: string;
                /** @description Text anywhere in the endpoint's answer, in any letter case */
                answer?: string;
                /** @description A value above the largest page size means the largest */
                limit?: number;
                offset?: number;
                /** @description Taken from the link rel=next */
                cursor?: string;
                /** @description Comma-separated */
                sortFields?: string;
                sortOrder?: "asc" | "desc";
                expand?: "attempts";
                include?: "answer";
                /** @description Counts instead of calls. Comma-separated: statusCode, reason, answer, hour, from, messageId, channel */
                groupBy?: string;
            };
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description "1 to 20 of 347" */
                        status: string;
                        calls?: components["schemas"]["Call"][];
                        link?: components["schemas"]["Link"][];
                        /** @description The keys of groupBy */
                        groupedBy?: string;
                        groups?: {
                            statusCode?: number;
                            /** @description The answer's message, the kind of failure, or not-sent */
                            reason?: string;
                            answer?: string;
                            /**
                             * Format: date-time
                             * @description ISO 8601 with milliseconds
                             */
                            hour?: string;
                            from?: string;
                            messageId?: string;
                            channel?: string;
                            /** @description Calls; those of the same group on the next page are others */
                            count: number;
                            /**
                             * Format: date-time
                             * @description ISO 8601 with milliseconds
                             */
                            firstAttemptedDate?: string;
                            /**
                             * Format: date-time
                             * @description ISO 8601 with milliseconds
                             */
                            lastAttemptedDate?: string;
                            /** @description One of the calls */
                            exampleId?: string;
                        }[];
                        retried?: {
                            calls: number;
                            /**
                             * Format: date-time
                             * @description ISO 8601 with milliseconds
                             */
                            nextAttemptDate?: string;
                            /**
                             * Format: date-time
                             * @description ISO 8601 with milliseconds
                             */
                            retryUntil?: string;
                        };
                    };
                    "application/vnd.whispir.api-call-v1+json": {
                        /** @description "1 to 20 of 347" */
                        status: string;
                        calls?: components["schemas"]["Call"][];
                        link?: components["schemas"]["Link"][];
                        /** @description The keys of groupBy */
                        groupedBy?: string;
                        groups?: {
                            statusCode?: number;
                            /** @description The answer's message, the kind of failure, or not-sent */
                            reason?: string;
                            answer?: string;
                            /**
                             * Format: date-time
                             * @description ISO 8601 with milliseconds
                             */
                            hour?: string;
                            from?: string;
                            messageId?: string;
                            channel?: string;
                            /** @description Calls; those of the same group on the next page are others */
                            count: number;
                            /**
                             * Format: date-time
                             * @description ISO 8601 with milliseconds
                             */
                            firstAttemptedDate?: string;
                            /**
                             * Format: date-time
                             * @description ISO 8601 with milliseconds
                             */
                            lastAttemptedDate?: string;
                            /** @description One of the calls */
                            exampleId?: string;
                        }[];
                        retried?: {
                            calls: number;
                            /**
                             * Format: date-time
                             * @description ISO 8601 with milliseconds
                             */
                            nextAttemptDate?: string;
                            /**
                             * Format: date-time
                             * @description ISO 8601 with milliseconds
                             */
                            retryUntil?: string;
                        };
                    };
                    "application/xml": string;
                    "application/vnd.whispir.api-call-v1+xml": string;
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    markCalls: {
        parameters: {
            query?: {
                /** @description Repeat the parameter; id[] works too */
                id?: string[];
            };
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Mark"];
                "application/vnd.whispir.api-call-v1+json": components["schemas"]["Mark"];
                "application/xml": string;
                "application/vnd.whispir.api-call-v1+xml": string;
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        status: "FAILED" | "SUCCESS";
                        /** @description The calls that stayed as they were; the others are marked */
                        left: string[];
                    };
                };
            };
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    submitCalls: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Submission"] | components["schemas"]["SubmissionList"];
                "application/vnd.whispir.api-call-v1+json": components["schemas"]["Submission"] | components["schemas"]["SubmissionList"];
                "application/xml": string;
                "application/vnd.whispir.api-call-v1+xml": string;
                "application/x-ndjson": string;
            };
        };
        responses: {
            /** @description Done */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        calls?: {
                            id: string;
                        }[];
                        /** @description New calls, without repeats */
                        accepted?: number;
                        rejected?: {
                            line: number;
                            errorDetail: string;
                        }[];
                    };
                    "application/vnd.whispir.api-call-v1+json": {
                        calls?: {
                            id: string;
                        }[];
                        /** @description New calls, without repeats */
                        accepted?: number;
                        rejected?: {
                            line: number;
                            errorDetail: string;
                        }[];
                    };
                    "application/xml": string;
                    "application/vnd.whispir.api-call-v1+xml": string;
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    findCallIds: {
        parameters: {
            query: {
                prefix: string;
            };
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description In order; at most 1 000 */
                        callIds: string[];
                        /** @description There are or may be others */
                        hasMore: boolean;
                    };
                    "application/vnd.whispir.api-call-v1+json": {
                        /** @description In order; at most 1 000 */
                        callIds: string[];
                        /** @description There are or may be others */
                        hasMore: boolean;
                    };
                    "application/xml": string;
                    "application/vnd.whispir.api-call-v1+xml": string;
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    findStates: {
        parameters: {
            query?: {
                /** @description Repeat the parameter; id[] works too */
                id?: string[];
            };
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description In the order of the request */
                        calls: {
                            id: string;
                            status: "FAILED" | "SUCCESS" | "PENDING";
                            settledBy?: "dispatcher" | "user" | "replay";
                            /**
                             * Format: date-time
                             * @description ISO 8601 with milliseconds
                             */
                            changedDate: string;
                            /**
                             * Format: date-time
                             * @description ISO 8601 with milliseconds
                             */
                            submittedDate: string;
                        }[];
                    };
                    "application/vnd.whispir.api-call-v1+json": {
                        /** @description In the order of the request */
                        calls: {
                            id: string;
                            status: "FAILED" | "SUCCESS" | "PENDING";
                            settledBy?: "dispatcher" | "user" | "replay";
                            /**
                             * Format: date-time
                             * @description ISO 8601 with milliseconds
                             */
                            changedDate: string;
                            /**
                             * Format: date-time
                             * @description ISO 8601 with milliseconds
                             */
                            submittedDate: string;
                        }[];
                    };
                    "application/xml": string;
                    "application/vnd.whispir.api-call-v1+xml": string;
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    findCallPlaces: {
        parameters: {
            query: {
                id: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description By id */
                        calls: {
                            id: string;
                            callbackId: string;
                        }[];
                        /** @description There are others */
                        hasMore: boolean;
                    };
                    "application/vnd.whispir.api-call-v1+json": {
                        /** @description By id */
                        calls: {
                            id: string;
                            callbackId: string;
                        }[];
                        /** @description There are others */
                        hasMore: boolean;
                    };
                    "application/xml": string;
                    "application/vnd.whispir.api-call-v1+xml": string;
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    getCall: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
                callId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Call"];
                    "application/vnd.whispir.api-call-v1+json": components["schemas"]["Call"];
                    "application/xml": string;
                    "application/vnd.whispir.api-call-v1+xml": string;
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    markCall: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
                callId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Mark"];
                "application/vnd.whispir.api-call-v1+json": components["schemas"]["Mark"];
                "application/xml": string;
                "application/vnd.whispir.api-call-v1+xml": string;
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        status: "FAILED" | "SUCCESS";
                        /** @description The calls that stayed as they were; the others are marked */
                        left: string[];
                    };
                };
            };
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    listAttempts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
                callId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description "1 to 20 of 347" */
                        status: string;
                        attempts?: components["schemas"]["Attempt"][];
                        link?: components["schemas"]["Link"][];
                    };
                    "application/vnd.whispir.api-call-v1+json": {
                        /** @description "1 to 20 of 347" */
                        status: string;
                        attempts?: components["schemas"]["Attempt"][];
                        link?: components["schemas"]["Link"][];
                    };
                    "application/xml": string;
                    "application/vnd.whispir.api-call-v1+xml": string;
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    recordReplays: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReplayReport"];
                "application/vnd.whispir.api-call-v1+json": components["schemas"]["ReplayReport"];
                "application/xml": string;
                "application/vnd.whispir.api-call-v1+xml": string;
            };
        };
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    listOutages: {
        parameters: {
            query?: {
                callbackId?: string;
                /** @description A value above the largest page size means the largest */
                limit?: number;
                offset?: number;
                /** @description Taken from the link rel=next */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description "1 to 20 of 347" */
                        status: string;
                        outages?: components["schemas"]["Outage"][];
                        link?: components["schemas"]["Link"][];
                    };
                    "application/vnd.whispir.api-call-v1+json": {
                        /** @description "1 to 20 of 347" */
                        status: string;
                        outages?: components["schemas"]["Outage"][];
                        link?: components["schemas"]["Link"][];
                    };
                    "application/xml": string;
                    "application/vnd.whispir.api-call-v1+xml": string;
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    listAudit: {
        parameters: {
            query?: {
                /** @description The callback's id or name; a deleted one's, too */
                callbackId?: string;
                user?: string;
                /** @description At or after this time: ISO 8601 or dd/MM/yy HH:mm */
                since?: string;
                /** @description A value above the largest page size means the largest */
                limit?: number;
                offset?: number;
                /** @description Taken from the link rel=next */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description "1 to 20 of 347" */
                        status: string;
                        audit?: components["schemas"]["AuditEntry"][];
                        link?: components["schemas"]["Link"][];
                    };
                    "application/vnd.whispir.api-call-v1+json": {
                        /** @description "1 to 20 of 347" */
                        status: string;
                        audit?: components["schemas"]["AuditEntry"][];
                        link?: components["schemas"]["Link"][];
                    };
                    "application/xml": string;
                    "application/vnd.whispir.api-call-v1+xml": string;
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    requestReplays: {
        parameters: {
            query?: {
                /** @description Repeat the parameter; id[] works too */
                id?: string[];
                status?: "FAILED" | "SUCCESS" | "PENDING";
                /** @description Last attempt at or after this time: ISO 8601 or dd/MM/yy HH:mm */
                since?: string;
                /** @description Last attempt before this time */
                until?: string;
                /** @description Comma-separated: 500, 5xx or none (no answer) */
                statusCode?: string;
                /** @description As a group's: the answer's message, no-message, or the kind of failure */
                reason?: string;
                /** @description SMS, EMAIL or VOICE; another one as listed */
                channel?: string;
                messageId?: string;
                from?: string;
                /** @description Text anywhere in the content, in any letter case */
                q?: string;
                /** @description Text anywhere in the endpoint's answer, in any letter case */
                answer?: string;
            };
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RunLease"];
                "application/vnd.whispir.api-call-v1+json": components["schemas"]["RunLease"];
                "application/xml": string;
                "application/vnd.whispir.api-call-v1+xml": string;
            };
        };
        responses: {
            /** @description Done */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description The run's of the body; without one, a new id */
                        id: string;
                        /** @description Calls of the replay, with those of earlier requests of the run */
                        total: number;
                        /** @description Failed calls of this request; those that wait for an earlier replay count too */
                        accepted: number;
                    };
                    "application/vnd.whispir.api-call-v1+json": {
                        /** @description The run's of the body; without one, a new id */
                        id: string;
                        /** @description Calls of the replay, with those of earlier requests of the run */
                        total: number;
                        /** @description Failed calls of this request; those that wait for an earlier replay count too */
                        accepted: number;
                    };
                    "application/xml": string;
                    "application/vnd.whispir.api-call-v1+xml": string;
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            409: components["responses"]["409"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    getReplay: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
                replayId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id: string;
                        state: "running" | "finished" | "cancelled";
                        /**
                         * Format: date-time
                         * @description ISO 8601 with milliseconds
                         */
                        requestedDate: string;
                        /** @description succeeded + failed + cancelled + left */
                        total: number;
                        succeeded: number;
                        failed: number;
                        /** @description Not attempted: cancelled, marked or erased before */
                        cancelled: number;
                        /** @description Wait for their attempt, or are in flight */
                        left: number;
                    };
                    "application/vnd.whispir.api-call-v1+json": {
                        id: string;
                        state: "running" | "finished" | "cancelled";
                        /**
                         * Format: date-time
                         * @description ISO 8601 with milliseconds
                         */
                        requestedDate: string;
                        /** @description succeeded + failed + cancelled + left */
                        total: number;
                        succeeded: number;
                        failed: number;
                        /** @description Not attempted: cancelled, marked or erased before */
                        cancelled: number;
                        /** @description Wait for their attempt, or are in flight */
                        left: number;
                    };
                    "application/xml": string;
                    "application/vnd.whispir.api-call-v1+xml": string;
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    cancelReplay: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
                replayId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    findRunLock: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Empty: the service replays calls itself */
                        run: string;
                        holder: string;
                        done: number;
                        total: number;
                        /** @description Of the service */
                        replay?: string;
                    };
                };
            };
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    takeRunLock: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RunLease"];
                "application/vnd.whispir.api-call-v1+json": components["schemas"]["RunLease"];
                "application/xml": string;
                "application/vnd.whispir.api-call-v1+xml": string;
            };
        };
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            409: components["responses"]["409"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    releaseRunLock: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The callback's id or name */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RunLease"];
                "application/vnd.whispir.api-call-v1+json": components["schemas"]["RunLease"];
                "application/xml": string;
                "application/vnd.whispir.api-call-v1+xml": string;
            };
        };
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            422: components["responses"]["422"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    issueToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        token: string;
                        link: components["schemas"]["Link"][];
                    };
                    "application/vnd.whispir.auth-v1+json": {
                        token: string;
                        link: components["schemas"]["Link"][];
                    };
                    "application/xml": string;
                    "application/vnd.whispir.auth-v1+xml": string;
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    createSignInCode: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        code: string;
                        /**
                         * Format: date-time
                         * @description ISO 8601 with milliseconds
                         */
                        expiresAt: string;
                    };
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    getRoot: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        status: string;
                        link: components["schemas"]["Link"][];
                    };
                    "application/vnd.whispir.auth-v1+json": {
                        status: string;
                        link: components["schemas"]["Link"][];
                    };
                    "application/xml": string;
                    "application/vnd.whispir.auth-v1+xml": string;
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
    verifyToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        status: string;
                        link: components["schemas"]["Link"][];
                    };
                    "application/vnd.whispir.auth-v1+json": {
                        status: string;
                        link: components["schemas"]["Link"][];
                    };
                    "application/xml": string;
                    "application/vnd.whispir.auth-v1+xml": string;
                };
            };
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            415: components["responses"]["415"];
            421: components["responses"]["421"];
            429: components["responses"]["429"];
            503: components["responses"]["503"];
        };
    };
}
