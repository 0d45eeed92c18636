# syntax=docker/dockerfile:1
# One image for every role:
#
#   docker build --build-arg VERSION="$(git describe --always --tags)" --tag order-service .
#   docker run --env-file service.env order-service --role=api
#
# docs/configuration.md lists the environment. The devstack, its servers and the tests stay out (.dockerignore).

FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm@sha256:a688600ca24f8a4d3ca77f95b0dd40704a9fc787c826660eb7ba0b641b8b175d AS build
WORKDIR /src
# Where go.mod names a newer Go than the image has, that one is fetched.
ENV GOTOOLCHAIN=auto
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH scripts/rootfs /rootfs

# No shell and no libc: what scripts/rootfs lays out is all there is, and make rootfs shows it.
FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="order-service" \
      org.opencontainers.image.description="Takes flash-sale orders and drives each to CONFIRMED, FAILED or CANCELLED" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /rootfs /
# By number, so that Kubernetes' runAsNonRoot can tell.
USER 65532:65532
EXPOSE 8080
# A stop finishes what was accepted, within 15 s: give it 20 s before the kill (docker stop --time 20).
STOPSIGNAL SIGTERM
# Liveness only: a backend that is away must not get the container restarted. The first start may migrate.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["/order-service", "--healthcheck"]
ENTRYPOINT ["/order-service"]
