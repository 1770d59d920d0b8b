# Debian, not Alpine: Temporal's native library needs glibc.
FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Without install scripts: the package's own `prepare` builds it, and there is nothing to build yet.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY deploy/image ./deploy/image
# The image has every sink and server: it keeps the packages that `npm install cloudsync` leaves out.
RUN npm run build && node deploy/image/keep-optional-packages.mjs && npm prune --omit=dev --ignore-scripts

FROM node:22-bookworm-slim
# Certificates: Temporal's native library reads the system's, which the slim image lacks. tini: a process
# with id 1 is not ended by signals that it does not handle, as a worker that still starts.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates tini \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# `cloudsync init` writes a project from these files.
COPY templates ./templates
# The operator page serves these files.
COPY assets ./assets
# A named volume that is mounted here takes over the owner. `dlq replay` keeps its logs below the work folder.
RUN mkdir --parents /data/sink .cloudsync/replays && chown --recursive node:node /data .cloudsync
USER node
ENV NODE_ENV=production \
  CLOUDSYNC_METRICS_HOST=0.0.0.0 \
  CLOUDSYNC_SINK_DIR=/data/sink
EXPOSE 8088 8090 9464
ENTRYPOINT ["tini", "--", "node", "dist/cli/main.js"]
CMD ["--help"]
