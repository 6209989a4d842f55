// What a Node program does with the ARM client: each step is one story, run by its name, its result printed as JSON.
// The client is npm's own, unmodified: an endpoint, a credential and NODE_EXTRA_CA_CERTS are all it is told.
"use strict";
const { AzureMachineLearningWorkspaces } = require("@azure/arm-machinelearning");
const { BlobServiceClient, StorageSharedKeyCredential } = require("@azure/storage-blob");

const { ENDPOINT, SUBSCRIPTION, TOKEN, GROUP, WORKSPACE, UNIQUE } = process.env;
const credential = { getToken: async () => ({ token: TOKEN, expiresOnTimestamp: Date.now() + 3600_000 }) };
const used = new Set();

// The client, and a note of each operation that is called: for docs/wire/compatibility.md.
const client = new Proxy(new AzureMachineLearningWorkspaces(credential, SUBSCRIPTION, {
    endpoint: ENDPOINT, credentialScopes: [`${ENDPOINT}/.default`],
}), {
    get: (whole, group) => new Proxy(whole[group], {
        get: (operations, name) => {
            used.add(`arm.${group}.${String(name)}`);
            return operations[name].bind(operations);
        },
    }),
});
const at = [GROUP, WORKSPACE];

async function all(pages) {
    const items = [];
    for await (const item of pages) items.push(item);
    return items;
}

// The service's refusal, as programs catch it.
async function refused(promise) {
    try {
        await promise;
    } catch (error) {
        return { name: error.name, code: error.code, status: error.statusCode };
    }
    return null;
}

// The container of the default datastore, opened by what listSecrets gives.
async function ownContainer() {
    const store = (await client.datastores.get(...at, "workspaceblobstore")).properties;
    const secrets = await client.datastores.listSecrets(...at, "workspaceblobstore");
    const base = `https://${store.accountName}.blob.${store.endpoint}`;
    const service = secrets.secretsType === "Sas" ? new BlobServiceClient(`${base}?${secrets.sasToken}`)
        : new BlobServiceClient(base, new StorageSharedKeyCredential(store.accountName, secrets.key));
    return service.getContainerClient(store.containerName);
}

const ID = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.MachineLearningServices` +
    `/workspaces/${WORKSPACE}`;
const DATA = { properties: { dataType: "uri_file", dataUri: "azureml://datastores/workspaceblobstore/paths/a.csv" } };

const steps = {
    async workspace() {
        const one = await client.workspaces.get(...at);
        const inGroup = await all(client.workspaces.listByResourceGroup(GROUP));
        const inSubscription = await all(client.workspaces.listBySubscription());
        return { one, inGroup, inSubscription };
    },
    async newWorkspace() {
        const name = `w${UNIQUE}`;
        const made = await client.workspaces.beginCreateOrUpdateAndWait(GROUP, name, {
            location: "local", description: "made by a program", friendlyName: "Made",
            identity: { type: "SystemAssigned" },
        });
        const changed = await client.workspaces.beginUpdateAndWait(GROUP, name, { description: "changed" });
        const stores = await all(client.datastores.list(GROUP, name));
        const keys = await client.workspaces.listKeys(GROUP, name);
        await client.workspaces.beginDeleteAndWait(GROUP, name);
        return { made, changed, stores, keys, gone: await refused(client.workspaces.get(GROUP, name)) };
    },
    async workspaceActions() {
        const diagnosed = await client.workspaces.beginDiagnoseAndWait(...at, { parameters: { value: {} } });
        await client.workspaces.beginResyncKeysAndWait(...at);
        const features = await all(client.workspaceFeatures.list(...at));
        const links = await client.privateLinkResources.list(...at);
        const endpoints = await all(client.privateEndpointConnections.list(...at));
        return { diagnosed, features, links, endpoints };
    },
    async datastores() {
        const list = await all(client.datastores.list(...at));
        const name = `s${UNIQUE}`;
        const made = await client.datastores.createOrUpdate(...at, name, { properties: {
            datastoreType: "AzureBlob", accountName: "elsewhere", containerName: "c", endpoint: "core.example.net",
            protocol: "https", credentials: { credentialsType: "AccountKey",
                secrets: { secretsType: "AccountKey", key: Buffer.from("a secret key").toString("base64") } },
        } });
        const secrets = await client.datastores.listSecrets(...at, name);
        await client.datastores.delete(...at, name);
        return { list, made, secrets, gone: await refused(client.datastores.get(...at, name)) };
    },
    async data() {
        const name = `d${UNIQUE}`;
        for (const version of ["1", "2", "3"]) await client.dataVersions.createOrUpdate(...at, name, version, DATA);
        const versions = await all(client.dataVersions.list(...at, name));
        const page = await client.dataVersions.list(...at, name, { top: 2 }).byPage().next();
        const container = await client.dataContainers.get(...at, name);
        await client.dataVersions.createOrUpdate(...at, name, "3", { properties: { ...DATA.properties, isArchived: true } });
        const active = await all(client.dataVersions.list(...at, name, { listViewType: "ActiveOnly" }));
        await client.dataVersions.delete(...at, name, "1");
        const left = await all(client.dataVersions.list(...at, name, { listViewType: "All" }));
        await client.dataContainers.delete(...at, name);
        return { versions, page: page.value.length, container, active, left,
            gone: await refused(client.dataContainers.get(...at, name)) };
    },
    async assets() {
        const name = `a${UNIQUE}`;
        await (await ownContainer()).getBlockBlobClient(`${name}/model.bin`).upload("weights", 7);
        const code = await client.codeVersions.createOrUpdate(...at, name, "1", { properties: {
            codeUri: `${(await client.datastores.get(...at, "workspaceblobstore")).properties.accountName}/x` } })
            .catch((error) => ({ refused: error.statusCode }));
        const environment = await client.environmentVersions.createOrUpdate(...at, name, "1",
            { properties: { image: "docker.io/library/python:3.11", condaFile: "dependencies:\n- python=3.11\n" } });
        const model = await client.modelVersions.createOrUpdate(...at, name, "1", { properties: {
            modelType: "custom_model", modelUri: `azureml://datastores/workspaceblobstore/paths/${name}` } });
        const nothing = await refused(client.modelVersions.createOrUpdate(...at, name, "2", { properties: {
            modelUri: "azureml://datastores/workspaceblobstore/paths/there-is-none" } }));
        const component = await client.componentVersions.createOrUpdate(...at, name, "1", { properties: { componentSpec: {
            $schema: "https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json", name, version: "1",
            type: "command", command: "echo hello", environment: `azureml:${name}:1` } } });
        const listed = {
            environments: (await all(client.environmentContainers.list(...at))).map((x) => x.name),
            models: (await all(client.modelContainers.list(...at))).map((x) => x.name),
            components: (await all(client.componentContainers.list(...at))).map((x) => x.name),
        };
        return { name, code, environment, model, component, listed, nothing };
    },
    async jobs() {
        const name = `j${UNIQUE}`;
        const body = { properties: { jobType: "Command", command: "echo out of Node", environmentId:
            `${ID}/environments/node/versions/1`, experimentName: "node", inputs: {
            n: { jobInputType: "literal", value: "3" } } } };
        await client.environmentVersions.createOrUpdate(...at, "node", "1", { properties: { image: "python:3.11" } });
        const made = await client.jobs.createOrUpdate(...at, name, body);
        let job = made;
        for (let i = 0; i < 300 && !["Completed", "Failed", "Canceled"].includes(job.properties.status); i++) {
            await new Promise((wake) => setTimeout(wake, 200));
            job = await client.jobs.get(...at, name);
        }
        const listed = (await all(client.jobs.list(...at))).map((x) => x.name);
        const missing = await refused(client.jobs.get(...at, "there-is-none"));
        const sweep = await refused(client.jobs.createOrUpdate(...at, `${name}x`, { properties: { jobType: "Sweep",
            trial: { command: "echo", environmentId: body.properties.environmentId }, searchSpace: { a: ["choice", [[1]]] },
            samplingAlgorithm: { samplingAlgorithmType: "Random" }, objective: { goal: "Maximize", primaryMetric: "m" },
            limits: { jobLimitsType: "Sweep", maxTotalTrials: 1 } } }));
        await client.jobs.beginDeleteAndWait(...at, name);
        return { name, made, job, listed, missing, sweep, gone: await refused(client.jobs.get(...at, name)) };
    },
    async cancel() {
        const name = `c${UNIQUE}`;
        await client.environmentVersions.createOrUpdate(...at, "node", "1", { properties: { image: "python:3.11" } });
        await client.jobs.createOrUpdate(...at, name, { properties: { jobType: "Command", command: "sleep 600",
            environmentId: `${ID}/environments/node/versions/1` } });
        await client.jobs.beginCancelAndWait(...at, name);
        let job = await client.jobs.get(...at, name);
        for (let i = 0; i < 150 && job.properties.status !== "Canceled"; i++) {
            await new Promise((wake) => setTimeout(wake, 200));
            job = await client.jobs.get(...at, name);
        }
        return { status: job.properties.status };
    },
    async compute() {
        const name = `n${UNIQUE}`;
        const made = await client.computeOperations.beginCreateOrUpdateAndWait(...at, name, { location: "local",
            properties: { computeType: "AmlCompute", properties: { vmSize: "STANDARD_D2_V2",
                scaleSettings: { minNodeCount: 0, maxNodeCount: 2 } } } });
        const changed = await client.computeOperations.beginUpdateAndWait(...at, name,
            { properties: { scaleSettings: { minNodeCount: 0, maxNodeCount: 3 } } });
        const nodes = await all(client.computeOperations.listNodes(...at, name));
        const listed = (await all(client.computeOperations.list(...at))).map((x) => x.name);
        await client.computeOperations.beginDeleteAndWait(...at, name, "Delete");
        return { name, made, changed, nodes, listed, gone: await refused(client.computeOperations.get(...at, name)) };
    },
    async instance() {
        const name = `i${UNIQUE}`;
        const made = await client.computeOperations.beginCreateOrUpdateAndWait(...at, name, { location: "local",
            properties: { computeType: "ComputeInstance", properties: { vmSize: "STANDARD_D2_V2" } } });
        await client.computeOperations.beginStopAndWait(...at, name);
        const stopped = await client.computeOperations.get(...at, name);
        await client.computeOperations.beginStartAndWait(...at, name);
        const started = await client.computeOperations.get(...at, name);
        await client.computeOperations.beginDeleteAndWait(...at, name, "Delete");
        return { made, stopped, started };
    },
    async locations() {
        const sizes = await client.virtualMachineSizes.list("local");
        const usages = await all(client.usages.list("local"));
        const quotas = await all(client.quotas.list("local"));
        const operations = await all(client.operations.list());
        return { sizes: sizes.value.length, size: sizes.value[0], usages, quotas, operations: operations.length };
    },
    async connections() {
        const name = `k${UNIQUE}`;
        const made = await client.workspaceConnections.create(...at, name, { properties: { authType: "PAT",
            category: "Git", target: "https://git.example.com/x", credentials: { pat: "very secret" } } });
        const one = await client.workspaceConnections.get(...at, name);
        const listed = (await all(client.workspaceConnections.list(...at))).map((x) => x.name);
        await client.workspaceConnections.delete(...at, name);
        return { name, made, one, listed, gone: await refused(client.workspaceConnections.get(...at, name)) };
    },
    async onlineEndpoint() {
        const name = `e${UNIQUE}`;
        const made = await client.onlineEndpoints.beginCreateOrUpdateAndWait(...at, name,
            { location: "local", properties: { authMode: "Key" } });
        const keys = await client.onlineEndpoints.listKeys(...at, name);
        await client.onlineEndpoints.beginRegenerateKeysAndWait(...at, name, { keyType: "Primary" });
        const rotated = await client.onlineEndpoints.listKeys(...at, name);
        const deployments = await all(client.onlineDeployments.list(...at, name));
        await client.onlineEndpoints.beginDeleteAndWait(...at, name);
        return { made, keys, rotated, deployments, gone: await refused(client.onlineEndpoints.get(...at, name)) };
    },
    async batchEndpoint() {
        const name = `b${UNIQUE}`;
        const made = await client.batchEndpoints.beginCreateOrUpdateAndWait(...at, name,
            { location: "local", properties: { authMode: "AADToken", description: "nightly" } });
        const listed = (await all(client.batchEndpoints.list(...at))).map((x) => x.name);
        const deployments = await all(client.batchDeployments.list(...at, name));
        await client.batchEndpoints.beginDeleteAndWait(...at, name);
        return { name, made, listed, deployments, gone: await refused(client.batchEndpoints.get(...at, name)) };
    },
    async schedules() {
        const name = `t${UNIQUE}`;
        const made = await client.schedules.beginCreateOrUpdateAndWait(...at, name, { properties: {
            trigger: { triggerType: "Cron", expression: "0 3 * * *", timeZone: "UTC" }, action: { actionType: "CreateJob",
                jobDefinition: { jobType: "Command", command: "echo", environmentId: `${ID}/environments/node/versions/1` } } } });
        const listed = (await all(client.schedules.list(...at))).map((x) => x.name);
        await client.schedules.beginDeleteAndWait(...at, name);
        return { name, made, listed, gone: await refused(client.schedules.get(...at, name)) };
    },
    async blob() {
        const secrets = await client.datastores.listSecrets(...at, "workspaceblobstore");
        const container = await ownContainer();
        const blob = container.getBlockBlobClient(`node/${UNIQUE}/ü 100%.txt`);
        await blob.upload("hello from Node", 15, { metadata: { who: "node" } });
        const big = Buffer.alloc(9 * 1024 * 1024, "x");
        await container.getBlockBlobClient(`node/${UNIQUE}/big`).uploadData(big,
            { blockSize: 4 * 1024 * 1024, maxSingleShotSize: 1024 * 1024, concurrency: 4 });
        const names = [];
        for await (const item of container.listBlobsFlat({ prefix: `node/${UNIQUE}/` })) names.push(item.name);
        const text = (await blob.downloadToBuffer()).toString();
        const size = (await container.getBlockBlobClient(`node/${UNIQUE}/big`).getProperties()).contentLength;
        const metadata = (await blob.getProperties()).metadata;
        await blob.delete();
        return { secrets: secrets.secretsType, names, text, size, metadata, exists: await blob.exists() };
    },
};

steps[process.argv[2]]().then(
    (result) => console.log(JSON.stringify({ ...result, operations_used: [...used] })),
    (error) => {
        console.error(error);
        process.exit(1);
    });
