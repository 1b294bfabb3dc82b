# Two containers in a network of their own, of which one is published, and an HAProxy in front that says its name on 443. The
# containers are made of the server's own programs: no image need be brought.
mkdir -p /etc/docker /srv/web /srv/db
echo '{"log-opts": {"max-size": "10m"}, "icc": false}' >/etc/docker/daemon.json
systemctl enable --quiet --now docker.service 2>/dev/null
echo voorraad >/srv/db/stock.txt
cat >/srv/web/web.py <<'X'
import http.server, urllib.request

class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        stock = urllib.request.urlopen("http://owner-db:9000/stock.txt", timeout=3).read()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"portaal, " + stock)

http.server.ThreadingHTTPServer(("", 8080), Web).serve_forever()
X
tar --directory /srv/web --create --files-from /dev/null | docker import --message owner - owner/web:1 >/dev/null
docker network create owner-shop >/dev/null
programs="--volume /usr:/usr:ro --volume /usr/bin:/bin:ro --volume /usr/lib:/lib:ro --volume /usr/lib64:/lib64:ro"
docker run --detach --restart always --name owner-db --network owner-shop $programs --volume /srv/db:/srv:ro \
    owner/web:1 /usr/bin/python3 -m http.server --directory /srv 9000 >/dev/null
docker run --detach --restart always --name owner-web --network owner-shop --publish 127.0.0.1:8080:8080 $programs \
    --volume /srv/web:/srv:ro owner/web:1 /usr/bin/python3 /srv/web.py >/dev/null
name=$(hostname)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$name" \
    -addext "subjectAltName=DNS:$name" -keyout /etc/haproxy/own.key -out /etc/haproxy/own.pem 2>/dev/null
cat /etc/haproxy/own.key >>/etc/haproxy/own.pem
cat >/etc/haproxy/haproxy.cfg <<'X'
global
    chroot /var/lib/haproxy
    stats socket /run/haproxy/admin.sock mode 660 level admin
    user haproxy
    group haproxy
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend portal
    bind :443 ssl crt /etc/haproxy/own.pem
    default_backend web
backend web
    server web 127.0.0.1:8080
X
systemctl enable --quiet haproxy.service
systemctl restart haproxy.service
