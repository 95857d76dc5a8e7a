# A small complete PBX for trying ringbook: the configuration of deploy/asterisk in Debian's Asterisk 22.
# It is rendered when the container starts, so that the passwords come from the environment.
FROM debian:forky-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends asterisk bash ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && mkdir /pbx && chown asterisk:asterisk /pbx
COPY deploy/asterisk /opt/ringbook/asterisk
COPY deploy/lab/asterisk.sh /opt/ringbook/lab/asterisk.sh
USER asterisk
VOLUME /pbx
EXPOSE 5060/udp 8088 5038
STOPSIGNAL SIGTERM
ENTRYPOINT ["/bin/bash", "-euc"]
CMD ["/opt/ringbook/lab/asterisk.sh render /pbx BIND=0.0.0.0 ARI_PASSWORD=\"$ARI_PASSWORD\" PHONE_PASSWORD=\"$PHONE_PASSWORD\" && exec /usr/sbin/asterisk -C /pbx/etc/asterisk.conf -f"]
