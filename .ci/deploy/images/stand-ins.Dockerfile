# What compose.yaml would pull, from Debian's packages and, for the mail catcher, from the Go module: the same programs with the
# same users and folders.
# hadolint ignore=DL3006
FROM localhost/debian AS postgres
RUN echo "postgres15:x:999:999::/var/lib/postgresql:/bin/sh" >> /etc/passwd && \
    install -d -o 999 -g 999 -m 1777 /var/lib/postgresql/data
COPY postgres-start /
ENTRYPOINT ["/postgres-start"]

# hadolint ignore=DL3006
FROM localhost/debian AS prometheus
RUN install -d -o 65534 -g 65534 /prometheus
USER 65534
ENTRYPOINT ["/usr/bin/prometheus"]

# hadolint ignore=DL3006
FROM localhost/debian AS alertmanager
RUN install -d -o 65534 -g 65534 /alertmanager
USER 65534
ENTRYPOINT ["/usr/bin/prometheus-alertmanager"]

# Built from its sources, which lack the pages for people: mail arrives, and its API shows it.
FROM scratch AS mail
COPY --from=tools mailpit /mailpit
ENTRYPOINT ["/mailpit"]
