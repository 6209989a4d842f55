-- One load of ARM: LOAD is get, put or list, BASE the path of a data asset, TOKEN a bearer.
local load, base, lanes = os.getenv("LOAD"), os.getenv("BASE"), 0
lane = 0 -- set for each thread: a local would hide it
local headers = {["Authorization"] = "Bearer " .. os.getenv("TOKEN"), ["Content-Type"] = "application/json"}
local count = 0

function setup(thread)
  lanes = lanes + 1
  thread:set("lane", lanes)
end

function init()
  count = tonumber(os.getenv("FIRST") or "0") + lane * 10000000000
end

function request()
  count = count + 1
  if load == "put" then
    return wrk.format("PUT", string.format("%s/versions/%d?api-version=2023-04-01", base, count), headers,
      '{"properties":{"dataUri":"azureml://datastores/workspaceblobstore/paths/LocalUpload/' .. count ..
      '/d.csv","dataType":"uri_file","isAnonymous":false,"isArchived":false,"tags":{"a":"b"},"properties":{}}}')
  end
  return wrk.format("GET", base .. (load == "get" and "/versions/1" or "/versions") .. "?api-version=2023-04-01", headers)
end

local bad = 0
function response(status)
  if status ~= (load == "put" and 201 or 200) then bad = bad + 1 end
end

function done(summary, latency)
  io.write(string.format('{"rate":%.1f,"p50_us":%d,"p99_us":%d,"non2xx":%d,"errors":%d}\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50), latency:percentile(99),
    summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
