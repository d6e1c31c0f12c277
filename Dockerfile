ARG NODE_VERSION=24.21.0

FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json build.mjs ./
COPY bin ./bin
COPY src ./src
# The lockfile has better-sqlite3 12, which `npm prune` would put back: docs/adr/0014.
RUN node build.mjs && npm prune --omit=dev && npm install --no-save --omit=dev better-sqlite3@13

FROM node:${NODE_VERSION}-bookworm-slim
# SQLITE_TMPDIR: temporary files, which may be as large as the database.
ENV NODE_ENV=production WHCB_DATA_DIR=/data WHCB_CONFIG_DIR=/data/config SQLITE_TMPDIR=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/bin ./bin
COPY --from=build /app/dist ./dist
# /data is all that whcb writes: the root file system may be read-only. A new volume takes its mode and owner from here.
RUN ln -s /app/bin/whcb.js /usr/local/bin/whcb && install --directory --mode=700 --owner=node --group=node /data
VOLUME /data
USER node
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8787/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["whcb"]
CMD ["serve", "--host", "0.0.0.0"]
