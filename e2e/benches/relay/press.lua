-- The presses that wrk sends: those of 10,000 sessions, one after the other, each with the headers of a
-- browser and an address of its own. Arguments: events a request, and what the session ids begin with,
-- which no other load may share.

local events, run
local heads, sessions, counts = {}, {}, {}
local SESSIONS = 10000
local next_session = 0

-- `id` is a thread's own, and global, as wrk sets it.
local threads = 0
function setup(thread)
   thread:set("id", threads)
   threads = threads + 1
end

function init(arguments)
   events, run = tonumber(arguments[1]), tonumber(arguments[2])
   math.randomseed(run * 16 + id)
   for n = 1, SESSIONS do
      local random = math.random
      sessions[n] = string.format("%08x-%04x-4%03x-%04x-%04x%08x", run, n, id, random(0x8000, 0xbfff),
         random(0, 0xffff), random(0, 0x7fffffff))
      counts[n] = 0
      heads[n] = table.concat({
         "POST /api/events HTTP/1.1",
         "Host: button.example.org",
         "Connection: keep-alive",
         "Content-Type: text/plain;charset=utf-8",
         "User-Agent: Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) " ..
            "Chrome/140.0.0.0 Mobile Safari/537.36",
         "Accept: */*",
         "Origin: https://button.example.org",
         "Sec-Fetch-Site: same-origin",
         "Sec-Fetch-Mode: cors",
         "Sec-Fetch-Dest: empty",
         "Referer: https://button.example.org/",
         "Accept-Encoding: gzip, deflate, br, zstd",
         "Accept-Language: en-GB,en;q=0.9",
         string.format("X-Forwarded-For: %d.%d.%d.%d", random(11, 99), random(0, 255), random(0, 255),
            random(1, 254)),
      }, "\r\n")
   end
end

local EVENT = '{"timestamp":"2025-03-07T10:33:46.754240+00:00","action":"PressButton","count":%d}'

function request()
   next_session = next_session % SESSIONS + 1
   local first = counts[next_session]
   counts[next_session] = first + events
   local list = {}
   for n = 1, events do
      list[n] = string.format(EVENT, first + n)
   end
   local body = '{"session_id":"' .. sessions[next_session] .. '","events":[' ..
      table.concat(list, ",") .. "]}"
   return heads[next_session] .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary)
   local errors = summary.errors
   io.write(string.format(
      '{"requests":%d,"micros":%d,"bytes":%d,"errors":%d}\n', summary.requests,
      summary.duration, summary.bytes,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
