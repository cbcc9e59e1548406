-- Sends the requests of a file in turn, over and over, and prints what came of it as one line of JSON.
--
-- The file holds whole requests with a NUL after each. wrk has nothing to format then, and does the same work for each kind.

local requests, count, last = {}, 0, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  for request in file:read("*a"):gmatch("%Z+") do
    count = count + 1
    requests[count] = request
  end
  file:close()
end

function request()
  last = last % count + 1
  return requests[last]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
