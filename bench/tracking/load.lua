-- One load of runs/…: LOAD names it, RUNS is a file of run ids, EXPERIMENT an id. Prints one JSON line.
local load = os.getenv("LOAD")
local runs, count, lane, lanes = {}, 0, 0, 0
local json = {["Content-Type"] = "application/json"}
local root = "/api/2.0/mlflow/runs/"

function setup(thread)
  lanes = lanes + 1
  thread:set("lane", lanes)
end

function init()
  for id in io.lines(os.getenv("RUNS")) do runs[#runs + 1] = id end
  count = lane * 100000000
end

local function run() return runs[count % #runs + 1] end

local make = {}

function make.log_metric()
  return "log-metric", string.format('{"run_id":"%s","key":"loss","value":%.7g,"timestamp":%d,"step":%d}',
    run(), 100 / (count % 8191 + 7), 1700000000000 + count, count)
end

function make.log_batch()
  local points = {}
  for i = 1, 100 do
    points[i] = string.format('{"key":"metric_%d","value":%.7g,"timestamp":%d,"step":%d}',
      i, (count * 13 + i) % 7919 / 7919, 1700000000000 + count, count)
  end
  return "log-batch", '{"run_id":"' .. run() .. '","metrics":[' .. table.concat(points, ",") .. "]}"
end

function make.create_run()
  return "create", string.format('{"experiment_id":"%s","run_name":"load-%d","start_time":%d,"tags":[' ..
    '{"key":"mlflow.user","value":"load"},{"key":"mlflow.source.name","value":"load.py"}]}',
    os.getenv("EXPERIMENT"), count, 1700000000000 + count)
end

function make.search()
  return "search", string.format('{"experiment_ids":["%s"],"filter":"metrics.m3 > %.4f and params.lr = \'0.1\'",' ..
    '"order_by":["metrics.m7 DESC"],"max_results":100}', os.getenv("EXPERIMENT"), 0.4 + count % 1009 / 10090)
end

function request()
  count = count + 1
  local path, body = make[load]()
  return wrk.format("POST", root .. path, json, body)
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format('LOAD {"calls":%d,"seconds":%.3f,"bad":%d,"p50":%.3f,"p95":%.3f}\n', summary.requests,
    summary.duration / 1e6, e.status + e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000))
end
