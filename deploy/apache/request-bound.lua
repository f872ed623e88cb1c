-- Refuses, with the miner's terminators (ErrorDocument), what mod_fcgid would answer with 500 or hand on
-- without its body. No directive of Apache does this: none bounds the sum of the headers, and a body beyond
-- LimitRequestBody reaches mod_fcgid as an empty one.
require 'apache2'

-- mod_fcgid hands all variables over in one record of 65,535 bytes; Apache adds about 500 of its own
-- (versions, addresses, paths), more where paths are long.
local MAX_VARIABLES = 64000
local PER_HEADER = 13 -- HTTP_, and up to 4 bytes each for the lengths of name and value

local MAX_BODY = 9437184 -- as body_max_bytes in frontend.conf

-- Where cpuminer-multi mines, whose bodies are all chunked: the programs bound these (body_max_bytes).
local MINING = "^/[%w_-]*/?$"

local function variables(r, headers)
    -- REQUEST_URI; QUERY_STRING; SCRIPT_NAME, SCRIPT_FILENAME, PATH_INFO, PATH_TRANSLATED
    local bytes = #r.unparsed_uri + #(r.args or "") + 4 * #r.uri
    for name, value in pairs(headers) do
        bytes = bytes + #name + #value + PER_HEADER
    end
    return bytes
end

function bound(r)
    local headers = r:headers_in_table()
    local bytes = variables(r, headers)
    if bytes > MAX_VARIABLES then
        r:warn("headers and URI of " .. bytes .. " bytes refused, at most " .. MAX_VARIABLES .. " fit")
        return 431
    end
    if r.headers_in["Transfer-Encoding"] and not (r.method == "POST" and string.match(r.uri, MINING)) then
        r:warn("body of unannounced length refused")
        return 411
    end
    local body = tonumber(r.headers_in["Content-Length"] or 0)
    if body > MAX_BODY then
        r:warn("body of " .. body .. " bytes refused, at most " .. MAX_BODY .. " are taken")
        return 413
    end
    return apache2.DECLINED
end
