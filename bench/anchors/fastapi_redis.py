"""The anchor of cached reads: one record behind FastAPI and Redis, as a prototype would read it.

It looks in Redis first, else in the "database" (a dictionary), and stores the record in Redis.

    python fastapi_redis.py 9000 6379 body.json
"""

import json
import sys

import redis.asyncio as redis
import uvicorn
from fastapi import FastAPI, HTTPException

PORT, REDIS_PORT, BODY = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
KEPT_SECONDS = 60

app = FastAPI()
cache = redis.Redis(host="127.0.0.1", port=REDIS_PORT, decode_responses=True, max_connections=1_000)
with open(BODY, encoding="utf-8") as file:
    database = {1: json.load(file)}


@app.get("/users/{user_id}")
async def read_user(user_id: int):
    cached = await cache.get(f"user:{user_id}")
    if cached is not None:
        return json.loads(cached)
    user = database.get(user_id)
    if user is None:
        raise HTTPException(status_code=404, detail="User not found")
    await cache.set(f"user:{user_id}", json.dumps(user), ex=KEPT_SECONDS)
    return user


uvicorn.run(app, host="127.0.0.1", port=PORT, workers=None, access_log=False, log_level="warning")
