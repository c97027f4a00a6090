# syntax=docker/dockerfile:1
# The shop's image: web, worker and every command; which one is said by the command.
# `make image` builds it. Python's minor version is that of the lock's wheels, its patches come with each build.
ARG PYTHON=docker.io/library/python:3.13-slim

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
# The lock alone first: a change of our own code then leaves this layer as it is.
COPY requirements-prod.lock ./
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --no-compile --only-binary :all: --require-hashes -r requirements-prod.lock
COPY pyproject.toml README.md ./
COPY storefront storefront
COPY templates templates
COPY static static
COPY brand brand
# --no-build-isolation: setuptools comes from the lock, with its hash. The root of a task can't be written to, so
# .br and .gz are made here.
RUN /opt/venv/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir wheels . \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --no-compile wheels/*.whl \
 && /opt/venv/bin/python -m compileall -q /opt/venv/lib \
 && /opt/venv/bin/python -c 'from storefront.web import assets; assets.compress()'
# Aurora's certificate authorities, which `make image` fetches once from AWS.
# From a file and not by ADD: what we trust changes when somebody commits it, and a build needs no other host.
COPY deploy/rds/global-bundle.pem rds/
RUN grep -q 'BEGIN CERTIFICATE' rds/global-bundle.pem

FROM ${PYTHON}
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="storefront" \
      org.opencontainers.image.description="A server-rendered shop on Aurora PostgreSQL and DynamoDB" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
RUN groupadd --system --gid 10001 storefront \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin storefront
COPY --from=build /build/rds/global-bundle.pem /etc/ssl/rds/global-bundle.pem
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STOREFRONT_ENV=production \
    HOST=0.0.0.0 \
    PORT=8000
# Fargate gives a mounted volume the rights that the image has at its place, which for /tmp are everybody's.
VOLUME ["/tmp"]
WORKDIR /tmp
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["storefront", "serve"]
