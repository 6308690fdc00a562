"""The libraries that do not come with Python, one function each: from a Call to what came back."""

import asyncio
import os

from calls import Unsupported, told

def simple(call):
    if call.expect:
        raise Unsupported("to wait for 100 Continue")


def by_urllib3(call):
    import urllib3

    simple(call)
    pool = urllib3.PoolManager(ca_certs=os.environ["PEER_CA"], retries=call.retries or False, timeout=call.timeout)
    for _ in range(call.times):
        data = call.data()
        chunked = data is not None and not isinstance(data, bytes) and not hasattr(data, "read")
        headers = dict(call.headers)
        if call.retries:
            retries = urllib3.Retry(total=call.retries, status_forcelist=[503], backoff_factor=0, raise_on_status=False)
        else:
            retries = urllib3.Retry(connect=0, read=0, other=0, status=0, redirect=5)
        response = pool.request(call.method, call.url, body=data, headers=headers, chunked=chunked, retries=retries, preload_content=False)
        if call.read == "all":
            result = told(response.status, response.data)
        else:
            result = call.take(response)
    pool.clear()
    return result


def by_requests(call):
    import requests
    from requests.adapters import HTTPAdapter, Retry

    simple(call)
    with requests.Session() as session:
        if call.retries:
            session.mount("http://", HTTPAdapter(max_retries=Retry(total=call.retries, status_forcelist=[503], backoff_factor=0, allowed_methods=None)))
        for _ in range(call.times):
            stream = call.read != "all"
            response = session.request(call.method, call.url, data=call.data(), headers=dict(call.headers), timeout=call.timeout, verify=os.environ["PEER_CA"], stream=stream)
            if not stream:
                result = told(response.status_code, response.content)
                continue
            data = b""
            if call.read == "some":
                data = next(response.iter_content(10))
            elif call.read == "pieces":
                data = b"".join(response.iter_content(7))
            elif call.read == "lines":
                data = b"".join(line + b"\n" for line in response.iter_lines())
            elif call.read != "none":
                raise Unsupported("to read " + call.read)
            response.close()
            result = told(response.status_code, data)
        return result


def httpx_arguments(call):
    simple(call)
    if call.retries:
        raise Unsupported("to try again by itself")
    data = call.data()
    if data is not None and hasattr(data, "read"):
        data = data.read()
    return {"method": call.method, "url": call.url, "headers": call.headers, "content": data}


def httpx_client(call):
    return {"verify": call.context() or True, "timeout": call.timeout, "follow_redirects": True, "http2": call.second, "trust_env": False}


def by_httpx(call):
    import httpx

    with httpx.Client(**httpx_client(call)) as client:
        for _ in range(call.times):
            with client.stream(**httpx_arguments(call)) as response:
                if call.read == "all":
                    data = response.read()
                elif call.read == "pieces":
                    data = b"".join(response.iter_bytes(7))
                elif call.read == "lines":
                    data = "".join(line + "\n" for line in response.iter_lines()).encode()
                elif call.read == "some":
                    data = next(response.iter_bytes(10))
                else:
                    data = b""
                result = told(response.status_code, data)
        return result


def by_httpx_async(call):
    return asyncio.run(httpx_async(call))


async def httpx_async(call):
    import httpx

    async with httpx.AsyncClient(**httpx_client(call)) as client:
        for _ in range(call.times):
            arguments = httpx_arguments(call)
            if arguments["content"] is not None and not isinstance(arguments["content"], bytes):
                arguments["content"] = later(arguments["content"])
            async with client.stream(**arguments) as response:
                data = b""
                if call.read == "all":
                    data = await response.aread()
                elif call.read == "pieces":
                    async for piece in response.aiter_bytes(7):
                        data += piece
                elif call.read == "lines":
                    async for line in response.aiter_lines():
                        data += (line + "\n").encode()
                elif call.read == "some":
                    async for data in response.aiter_bytes(10):
                        break
                result = told(response.status_code, data)
        return result


async def later(pieces):
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece


def by_aiohttp(call):
    return asyncio.run(aiohttp_call(call))


async def aiohttp_call(call):
    import aiohttp

    if call.retries or call.second:
        raise Unsupported("to try again by itself, or HTTP/2")
    arguments = {"headers": call.headers, "timeout": aiohttp.ClientTimeout(total=call.timeout), "expect100": call.expect}
    if call.secure:
        arguments["ssl"] = call.context()
    async with aiohttp.ClientSession() as session:
        for _ in range(call.times):
            data = call.data()
            if data is not None and not isinstance(data, bytes) and not hasattr(data, "read"):
                data = later(data)
            async with session.request(call.method, call.url, data=data, **arguments) as response:
                data = b""
                if call.read == "all":
                    data = await response.read()
                elif call.read == "pieces":
                    async for piece in response.content.iter_chunked(7):
                        data += piece
                elif call.read == "lines":
                    async for line in response.content:
                        data += line
                elif call.read == "some":
                    data = await response.content.read(10)
                result = told(response.status, data)
        return result


LIBRARIES = {"urllib3": by_urllib3, "requests": by_requests, "httpx": by_httpx, "httpx-async": by_httpx_async, "aiohttp": by_aiohttp}
