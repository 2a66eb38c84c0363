# One image for the whole shop, for each of its three services, and for the autoscaler.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements/app.lock /tmp/app.lock
RUN /opt/venv/bin/pip install --no-deps --require-hashes --only-binary :all: -r /tmp/app.lock \
    && /opt/venv/bin/python -m compileall -q /opt/venv/lib
COPY bookstore /opt/shop/bookstore
COPY templates /opt/shop/templates
COPY swarm/__init__.py swarm/guard.py swarm/mailbox.py swarm/model.py /opt/shop/swarm/
COPY swarm/autoscaler /opt/shop/swarm/autoscaler
RUN /opt/venv/bin/python -m compileall -q /opt/shop/bookstore /opt/shop/swarm

FROM python:3.13-slim
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent shop \
    && mkdir -p /srv/media && chown shop:shop /srv/media
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/shop /opt/shop
# RES_OPTIONS: how long a silent resolver is waited for, docs/decisions/0025-a-name-outlives-its-resolver.md
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/shop \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BOOKSTORE_BIND=0.0.0.0:8000 \
    BOOKSTORE_MEDIA_DIR=/srv/media \
    RES_OPTIONS="timeout:1 attempts:2"
USER 10001:10001
WORKDIR /opt/shop
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-I", "-S", "/opt/shop/bookstore/probe.py"]
ENTRYPOINT ["python", "-m", "bookstore"]
CMD ["serve"]
