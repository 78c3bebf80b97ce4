#!/usr/bin/env python3
"""s3_object.py put BUCKET < LINES     each line a JSON string, a key: puts an object of that key, whose bytes are the key
s3_object.py get BUCKET KEY            its bytes, on stdout; KEY as a JSON string
s3_object.py keys BUCKET               all keys, a JSON string a line

Keys exactly as given, which other clients tidy up. Reads S3_ENDPOINT, S3_ACCESS_KEY, S3_SECRET_KEY, S3_REGION."""
import datetime
import hashlib
import hmac
import http.client
import json
import os
import sys
import urllib.parse
import xml.etree.ElementTree as xml

ENDPOINT = urllib.parse.urlsplit(os.environ["S3_ENDPOINT"])
REGION = os.environ["S3_REGION"]
CONNECTION = http.client.HTTPConnection(ENDPOINT.hostname, ENDPOINT.port)


def quoted(text, safe="-_.~"):
    return urllib.parse.quote(text, safe=safe)


def keyed(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def request(method, path, query=(), body=b""):
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    host = f"{ENDPOINT.hostname}:{ENDPOINT.port}"
    digest = hashlib.sha256(body).hexdigest()
    headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": now}
    names = ";".join(sorted(headers))
    asked = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in sorted(query))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    scope = f"{now[:8]}/{REGION}/s3/aws4_request"
    whole = "\n".join([method, path, asked, lines, names, digest])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(whole.encode()).hexdigest()])
    key = ("AWS4" + os.environ["S3_SECRET_KEY"]).encode()
    for piece in (now[:8], REGION, "s3", "aws4_request"):
        key = keyed(key, piece)
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={os.environ['S3_ACCESS_KEY']}/{scope}, "
                                f"SignedHeaders={names}, Signature={signature}")
    CONNECTION.putrequest(method, path + ("?" + asked if asked else ""), skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        CONNECTION.putheader(name, value)
    CONNECTION.putheader("content-length", str(len(body)))
    CONNECTION.endheaders(body)
    answer = CONNECTION.getresponse()
    data = answer.read()
    if answer.status >= 300:
        sys.exit(f"{method} {path[:200]}: HTTP {answer.status} {data[:300]}")
    return data


def path_of(bucket, key):
    return f"/{bucket}/{quoted(key, '-_.~/')}"


def keys(bucket):
    token, found = None, []
    while True:
        query = [("list-type", "2"), ("encoding-type", "url")] + ([("continuation-token", token)] if token else [])
        page = xml.fromstring(request("GET", f"/{bucket}", query))
        space = page.tag[:page.tag.index("}") + 1]
        found += [urllib.parse.unquote(key.text) for key in page.iter(space + "Key")]
        token = page.findtext(space + "NextContinuationToken")
        if not token:
            return found


verb, bucket = sys.argv[1], sys.argv[2]
if verb == "put":
    for line in sys.stdin:
        name = json.loads(line)
        request("PUT", path_of(bucket, name), body=name.encode())
elif verb == "get":
    sys.stdout.buffer.write(request("GET", path_of(bucket, json.loads(sys.argv[3]))))
else:
    for name in keys(bucket):
        print(json.dumps(name))
