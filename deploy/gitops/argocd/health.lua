-- Health of every kind of asr-operator, for Argo CD. Exactly one of Ready, Reconciling and Stalled is True once it was seen.
-- Suspended: a person's word or act is waited for, and nothing has failed.
local waits_for_a_person = { OutcomeUnknown = true, ReadOnly = true, Suspended = true }
local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "asr-operator has not seen it yet" }
end
for _, condition in ipairs(status.conditions or {}) do
  if condition.status == "True" then
    local message = (condition.reason or "") .. ": " .. (condition.message or "")
    if condition.type == "Ready" then
      return { status = "Healthy", message = message }
    elseif condition.type == "Reconciling" then
      if waits_for_a_person[condition.reason] then
        return { status = "Suspended", message = message }
      end
      return { status = "Progressing", message = message }
    elseif condition.type == "Stalled" then
      return { status = "Degraded", message = message }
    end
  end
end
return { status = "Progressing", message = "asr-operator has not told its state yet" }
