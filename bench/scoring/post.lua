-- wrk: posts the file BODY, with TOKEN as bearer when there is one.
local file = assert(io.open(os.getenv("BODY")))
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/json"
if os.getenv("TOKEN") then
    wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
end
