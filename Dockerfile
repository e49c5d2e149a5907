# One image for every process of the vault. Deployments pin the base by digest: --build-arg NODE_IMAGE=node@sha256:…
ARG NODE_IMAGE=node:26-slim

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY infra/node-runtime infra/node-runtime
RUN npm ci --omit=dev && npm cache clean --force
# What is in the image, with hashes, for whoever has to answer for it. The tree is asked, not the lock: asked to leave out what is
# for development, npm leaves out what both need as well.
RUN npm pkg delete devDependencies && npm sbom --sbom-format cyclonedx --sbom-type application > sbom.cdx.json

FROM ${NODE_IMAGE}
WORKDIR /app
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/app/.cache/code \
    VAULT_HOST=0.0.0.0 \
    VAULT_PORT=8080
COPY --from=packages /app/node_modules node_modules
COPY --from=packages /app/sbom.cdx.json ./
COPY package.json LICENSE ./
COPY infra/tenants infra/tenants
COPY src src
# The embedded vault's folders, where it looks for them by itself; production keeps nothing in them.
RUN install -d -o node -g node -m 0700 vault-data vault-data-keys && install -d -o node -g node .cache/code
USER node
# One start and stop leaves compiled code behind; Node keeps it by user id, so the user who will run it makes it. The folders
# and keys of that start go in the same layer.
RUN VAULT_DATA_DIR=/tmp/warm/data VAULT_KEYS_DIR=/tmp/warm/keys VAULT_HOST=127.0.0.1 VAULT_PORT=0 \
      timeout --preserve-status --signal=TERM 10 node --initial-heap-size=256 src/main.js serve \
    && rm -rf /tmp/warm
USER root
RUN chown -R root:root .cache && chmod -R a+rX,a-w .cache
USER node
VOLUME ["/app/vault-data", "/app/vault-data-keys"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.VAULT_PORT}/livez`).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--initial-heap-size=256", "src/main.js"]
CMD ["serve"]
